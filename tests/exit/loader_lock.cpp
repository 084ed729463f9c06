// SPDX-License-Identifier: MIT
// What a test program cannot replace for itself alone: dladdr. The loader has a lock, under which
// it runs a library's constructors. One of them may ask what lookups are doing, while another
// thread looks a name up and asks the loader where its code is.
#include <atomic>
#include <cstdio>
#include <dlfcn.h>
#include <thread>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/net/address.hpp>
#include <eddy/net/lookup_statistics.hpp>
#include <eddy/net/resolve.hpp>
#include <eddy/run.hpp>
#include <eddy/task.hpp>

namespace {

std::atomic<int> asked{0};

eddy::Task<> look_up() {
    try {
        static_cast<void>(co_await eddy::resolve("localhost", 80));
    } catch (const eddy::IoError&) {  // a machine without names
    }
}

}  // namespace

/// As if the loader were busy with such a constructor: it is not to wait for the lookup.
extern "C" int dladdr(const void* address, Dl_info* info) noexcept {
    if (asked.fetch_add(1) == 0) {
        std::thread([] { static_cast<void>(eddy::lookup_statistics()); }).join();
    }
    static auto* const next = reinterpret_cast<decltype(&dladdr)>(dlsym(RTLD_NEXT, "dladdr"));
    return next(address, info);
}

int main() {
    eddy::run(look_up());
    std::printf("the loader was asked %d times\n", asked.load());
    return asked != 0 ? 0 : 1;
}
