// SPDX-License-Identifier: MIT
// The operations of the select would be gone when then awaits it.

#include <chrono>

#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/then.hpp>

using namespace std::chrono_literals;

eddy::Task<> correct() {
    auto one = eddy::sleep_for(1s);
    auto other = eddy::sleep_for(2s);
    co_await eddy::then([&] { return eddy::select(one, other); }, [](const auto&) {});
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() {
    co_await eddy::then([] { return eddy::select(eddy::sleep_for(1s), eddy::sleep_for(2s)); },
                        [](const auto&) {});
}
#endif
