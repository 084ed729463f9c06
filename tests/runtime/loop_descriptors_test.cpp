// SPDX-License-Identifier: MIT
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/os/signal_set.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

#include "child_process.hpp"
#include "descriptor_count.hpp"
#include "net/system_calls.hpp"

// A loop that cannot have the descriptors it needs.

namespace {

using namespace std::chrono_literals;
using eddy::IoError;
using eddy::Task;
using eddy::testing::open_fds;

Task<> live() {
    const eddy::SignalSet signals({SIGUSR1});
    co_await eddy::sleep_for(1ms);
}

/// One loop, from the beginning to its end.
void live_once() { eddy::run(live(), {.handle_signals = true}); }

/// Leaves the process so many descriptors that it could still open.
class DescriptorsLeft final {
public:
    explicit DescriptorsLeft(std::size_t count) {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit less = before_;
        less.rlim_cur = 0;
        for (std::size_t free = 0; free < count; ++less.rlim_cur) {
            free += fcntl(static_cast<int>(less.rlim_cur), F_GETFD) < 0 ? 1U : 0U;
        }
        setrlimit(RLIMIT_NOFILE, &less);
    }
    DescriptorsLeft(const DescriptorsLeft&) = delete;
    DescriptorsLeft& operator=(const DescriptorsLeft&) = delete;
    ~DescriptorsLeft() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

TEST_CASE("a loop without descriptors for it is an error, and the next one works") {
    const std::size_t before = open_fds();
    std::size_t needed = 0;
    for (bool made = false; !made; ++needed) {
        REQUIRE(needed < 20);
        const DescriptorsLeft left(needed);
        try {
            live_once();
            made = true;
        } catch (const IoError& error) {
            CHECK(error.code() == std::errc::too_many_files_open);
            CHECK(std::string(error.what()).find("a loop cannot be made: ") == 0);
        }
    }
    CHECK(needed > 1);
    CHECK(open_fds() == before);
    live_once();
    CHECK(open_fds() == before);
}

#if EDDY_SYSTEM_CALL_FAULTS

using eddy::testing::FailNth;
using eddy::testing::name_of;
using eddy::testing::SystemCall;

TEST_CASE("every system call with which a loop begins may fail, once or from then on") {
    const std::size_t before = open_fds();
    for (const std::size_t how_many : {std::size_t{1}, FailNth::always}) {
        for (const SystemCall call : {SystemCall::epoll_create1,
                                      SystemCall::eventfd,
                                      SystemCall::pipe2,
                                      SystemCall::watch}) {
            for (const int error : {EMFILE, ENFILE, ENOMEM}) {
                bool failed = true;
                for (std::size_t nth = 1; failed; ++nth) {
                    REQUIRE(nth < 10);
                    const FailNth fault(call, error, nth, how_many);
                    try {
                        live_once();
                    } catch (const IoError& told) {
                        CHECK(told.code() == std::error_code(error, std::system_category()));
                    }
                    failed = fault.failed() != 0;
                    CHECK_MESSAGE(open_fds() == before,
                                  name_of(call) << " number " << nth << ", errno " << error);
                }
            }
        }
    }
    live_once();
}

#endif

#if !defined(EDDY_NO_FORK)

TEST_CASE("run_main says what is wrong, and the status does too") {
    const auto child = eddy::testing::run_in_child([] {
        const DescriptorsLeft left(2);
        return eddy::run_main(live());
    });
    CHECK(child.exit_code == 1);
    CHECK(child.errors.find("a loop cannot be made: ") != std::string::npos);
}

#endif

}  // namespace
