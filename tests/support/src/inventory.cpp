// SPDX-License-Identifier: MIT
#include "inventory.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/loop.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>

namespace eddy::testing {

namespace {

struct Inventory {
    const char* what;
    std::size_t (*count)();
};

std::vector<Inventory>& inventories() {
    static std::vector<Inventory> all;
    return all;
}

}  // namespace

void leaves_unchanged(const char* what, std::size_t (*count)()) {
    inventories().push_back({what, count});
}

Task<> leaving_unchanged(Task<> body) {
    std::vector<std::size_t> before;
    for (const Inventory& inventory : inventories()) {
        before.push_back(inventory.count());
    }
    co_await std::move(body);
    for (std::size_t i = 0; i < before.size(); ++i) {
        const Inventory& inventory = inventories()[i];
        for (int turn = 0; turn < 4 && inventory.count() != before[i]; ++turn) {
            co_await settle();
        }
        if (Loop::current().statistics().jobs_alive > 1) {
            break;  // what is theirs ends with the loop
        }
        const std::string what = inventory.what;
        CHECK_MESSAGE(inventory.count() == before[i], "the test leaked " << what);
    }
}

}  // namespace eddy::testing
