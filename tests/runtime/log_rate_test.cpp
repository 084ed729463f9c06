// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/log_observer.hpp>
#include <eddy/loop.hpp>
#include <eddy/net/serve.hpp>
#include <eddy/report_failure.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_listener.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "child_process.hpp"
#include "log_kit.hpp"
#include "monotonic_skew.hpp"

// How much is logged, however much goes wrong. The rate counts in real seconds, so each test makes
// kinds of its own, and leaves nothing uncounted behind.

namespace {

using namespace std::chrono_literals;
using eddy::Task;
using eddy::testing::LogCapture;
using eddy::testing::MemoryListener;
using eddy::testing::MemoryStream;
using eddy::testing::VirtualClock;

std::exception_ptr failure(std::string text = "no") {
    return std::make_exception_ptr(std::runtime_error(std::move(text)));
}

/// Ends a loop: what is counted is told.
void end_a_loop() {
    VirtualClock clock;
    eddy::run([]() -> Task<> { co_await eddy::yield(); }(), {}, {.clock = &clock});
}

struct Ordinary : std::runtime_error {
    using runtime_error::runtime_error;
};
Task<> fails_plainly() {
    co_await eddy::yield();
    throw Ordinary("detached and alone");
}

}  // namespace

TEST_CASE("of one kind of failure ten are said, and the others in one line when the loop ends") {
    const LogCapture log;
    VirtualClock clock;
    const auto main = []() -> Task<> {
        for (int i = 0; i < 3000; ++i) {
            eddy::spawn(fails_plainly());
        }
        co_await eddy::sleep_for(1ms);
    };
    eddy::run(main(), {}, {.clock = &clock});
    REQUIRE(log.lines().size() == 11);
    CHECK(log.count("detached and alone") == 10);
    CHECK(log.lines().back().find("error: ... and 2990 more of this kind: detached job, ") == 0);
    CHECK(log.lines().back().find("Ordinary") != std::string::npos);
}

TEST_CASE("kinds are told apart by place, type and error code, not by their words") {
    const LogCapture log;
    for (int i = 0; i < 20; ++i) {
        eddy::report_failure(failure("one " + std::to_string(i)), "kinds: here");
        eddy::report_failure(failure("two " + std::to_string(i)), "kinds: there");
        eddy::report_failure(std::make_exception_ptr(std::logic_error("three")), "kinds: here");
        for (const std::errc code : {std::errc::bad_address, std::errc::no_link}) {
            eddy::report_failure(
                std::make_exception_ptr(eddy::IoError(std::make_error_code(code), "four")),
                "kinds: here");
        }
    }
    for (const char* words : {"one ", "two ", "three", "four: Bad", "four: Link"}) {
        CHECK(log.count(words) == 10);
    }
    end_a_loop();
    CHECK(log.lines().size() == 55);
    CHECK(log.count("... and 10 more of this kind: ") == 5);
    CHECK(log.count("kinds: here, eddy::IoError ") == 2);  // as people write it
}

TEST_CASE("what is thrown and is no std::exception is a kind by its type") {
    const LogCapture log;
    for (int i = 0; i < 20; ++i) {
        eddy::report_failure(std::make_exception_ptr(i), "numbers");
        eddy::report_failure(std::make_exception_ptr('c'), "numbers");
    }
    end_a_loop();
    CHECK(log.count("type int") == 10);
    CHECK(log.count("type char") == 10);
    CHECK(log.count("... and 10 more of this kind") == 2);
}

TEST_CASE("however many kinds there are, lines are few and every message counts") {
    const auto result = eddy::testing::run_in_child([] {  // it takes every place there is
        const LogCapture log;
        constexpr std::size_t kinds = 1000;
        for (std::size_t i = 0; i < kinds; ++i) {
            eddy::report_failure(failure("many"), "many: kind " + std::to_string(i));
        }
        end_a_loop();
        const std::size_t said = log.count("failed: many");
        const std::string rest =
            "error: ... and " + std::to_string(kinds - said) + " more of this kind: of other kinds";
        return said < 100 && log.lines().size() == said + 1 && log.lines().back() == rest ? 0 : 1;
    });
    CHECK(result.exit_code == 0);
}

#if EDDY_MONOTONIC_SKEW
TEST_CASE("after a second there are ten more, and what was left out is told first") {
    const LogCapture log;
    eddy::testing::SkippedTime time;
    for (int i = 0; i < 15; ++i) {
        eddy::report_failure(failure("first"), "second: kind");
    }
    CHECK(log.lines().size() == 10);
    time.skip(999ms);
    eddy::report_failure(failure("first"), "second: kind");
    // The first ten were a moment before the count began.
    time.skip(1s);
    for (int i = 0; i < 11; ++i) {
        eddy::report_failure(failure("then"), "second: kind");
    }
    CHECK(log.count("then") == 10);
    CHECK(log.count("more of this kind: second: kind") == 1);
    end_a_loop();
    CHECK(log.count("... and 1 more of this kind: second: kind") == 1);
}

TEST_CASE("a loop that turns tells what was left out when its second is over") {
    const LogCapture log;
    VirtualClock clock;
    eddy::testing::SkippedTime time;
    const auto main = [&log, &time]() -> Task<> {
        for (int i = 0; i < 12; ++i) {
            eddy::report_failure(failure(), "turning: kind");
        }
        co_await eddy::sleep_for(10s);  // of virtual time, which is not meant
        CHECK(log.count("more of this kind") == 0);
        time.skip(1s);
        co_await eddy::sleep_for(1ms);
        CHECK(log.count("... and 2 more of this kind: turning: kind") == 1);
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(log.lines().size() == 11);
}
#endif

TEST_CASE("threads that fail at once share the rate, and every failure counts") {
    const LogCapture log;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            for (int n = 0; n < 100; ++n) {
                eddy::report_failure(failure(), "threads: kind");
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    end_a_loop();
    // If it takes more than a second, which it should not, some more are said.
    std::size_t said = log.count("failed: no");
    CHECK(said >= 10);
    for (const std::string& line : log.lines()) {
        const std::size_t at = line.find("... and ");
        said += at != std::string::npos ? std::stoul(line.substr(at + 8)) : 0U;
    }
    CHECK(said == 400);
}

TEST_CASE("a gather of 10,000 tasks that all fail is one line, and one with a count") {
    const LogCapture log;
    VirtualClock clock;
    const auto main = []() -> Task<> {
        std::vector<Task<>> tasks;
        for (int i = 0; i < 10'000; ++i) {
            tasks.push_back([]() -> Task<> {
                throw std::runtime_error("so do I");
                co_return;
            }());
        }
        bool thrown = false;
        try {
            co_await eddy::gather(std::move(tasks));
        } catch (const std::runtime_error&) {
            thrown = true;
        }
        CHECK(thrown);
    };
    eddy::run(main(), {}, {.clock = &clock});
    REQUIRE(log.lines().size() == 2);
    CHECK(log.count("so do I") == 1);
    CHECK(log.count("... and 9998 more of this kind: suppressed by gather") == 1);
}

TEST_CASE("a listener that runs out of descriptors over and over is a line, and a count") {
    const LogCapture log;
    VirtualClock clock;
    const auto main = []() -> Task<> {
        MemoryListener listener;
        eddy::Server server({.drain = 0s, .first_pause = 5ms, .longest_pause = 5ms});
        auto serving =
            eddy::spawn(eddy::serve(server, listener, [](MemoryStream) -> Task<> { co_return; }));
        for (int i = 0; i < 200; ++i) {
            listener.fail_accepts(std::errc::too_many_files_open, 1);
            const MemoryStream client = listener.connect();
            co_await eddy::sleep_for(10ms);
        }
        CHECK(server.statistics().pauses == 200);
        server.drain();
        co_await serving;
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(log.count("accept, which pauses and tries again") == log.lines().size());
    CHECK(log.lines().size() <= 4);  // a pair for each second that it really takes
    CHECK(log.count("more of this kind") >= 1);
}

TEST_CASE("an abandoned chain of 100,000 frames is a short report") {
    const LogCapture log;
    VirtualClock clock;
    struct Deep {
        static Task<> down(int depth) {
            if (depth > 0) {
                co_await down(depth - 1);
            } else {
                co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_forever(); });
            }
        }
    };
    const auto main = []() -> Task<> {
        eddy::spawn(Deep::down(100'000), {.name = "diver"});
        co_await eddy::yield();
    };
    eddy::run(main(), {.grace = 1s}, {.clock = &clock});
    REQUIRE(log.lines().size() == 1);
    CHECK(log.count("diver #2") == 1);
    CHECK(log.count("... 99970 more ...") == 1);
    CHECK(log.size() < 4000);
}

TEST_CASE("a message that nobody would read to its end is cut") {
    const LogCapture log;
    eddy::report_failure(failure(std::string(1'000'000, 'x')), "long: text");
    REQUIRE(log.lines().size() == 1);
    CHECK(log.size() < 20'000);
    CHECK(log.lines()[0].ends_with(" more bytes)"));
}

TEST_CASE("12,000 connections that reset are no line of the default log") {
    const LogCapture log;
    VirtualClock clock;
    const auto main = []() -> Task<> {
        MemoryListener listener;
        eddy::Server server({.drain = 0s});
        auto serving = eddy::spawn(eddy::serve(server, listener, [](MemoryStream) -> Task<> {
            throw eddy::IoError(std::make_error_code(std::errc::connection_reset), "read");
            co_return;
        }));
        for (int i = 0; i < 12'000; ++i) {
            const MemoryStream client = listener.connect();
            co_await eddy::yield();
        }
        co_await eddy::sleep_for(1ms);
        CHECK(server.statistics().failed == 12'000);
        CHECK(server.statistics().lost == 12'000);
        server.drain();
        co_await serving;
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(log.lines().empty());
}

TEST_CASE("peers that went away are debug lines, at the same rate") {
    const LogCapture log(eddy::LogLevel::debug);
    VirtualClock clock;
    const auto main = []() -> Task<> {
        MemoryListener listener;
        eddy::Server server({.drain = 0s});
        auto serving = eddy::spawn(eddy::serve(server, listener, [](MemoryStream) -> Task<> {
            throw eddy::IoError(std::make_error_code(std::errc::broken_pipe), "write");
            co_return;
        }));
        for (int i = 0; i < 100; ++i) {
            const MemoryStream client = listener.connect();
            co_await eddy::yield();
        }
        co_await eddy::sleep_for(1ms);
        server.drain();
        co_await serving;
    };
    eddy::run(main(), {}, {.clock = &clock});
    CHECK(log.lines().size() == 11);
    CHECK(log.count("debug: connection handler connection#") == 10);
    CHECK(log.count("lost its peer: write: Broken pipe") == 10);
    CHECK(log.count("debug: ... and 90 more of this kind: connection handler") == 1);
}

TEST_CASE("a peer that went away is logged by a loop that has no observer") {
    const LogCapture log(eddy::LogLevel::debug);
    VirtualClock clock;
    eddy::testing::RecordingObserver leaves;
    const auto main = [&leaves]() -> Task<> {
        eddy::Loop::current().remove_observer(leaves);
        MemoryListener listener;
        eddy::Server server({.drain = 0s});
        auto serving = eddy::spawn(eddy::serve(server, listener, [](MemoryStream) -> Task<> {
            throw eddy::IoError(std::make_error_code(std::errc::connection_reset), "write");
            co_return;
        }));
        const MemoryStream client = listener.connect();
        co_await eddy::sleep_for(1ms);
        server.drain();
        co_await serving;
    };
    eddy::run(main(), {}, {.clock = &clock, .observer = &leaves});
    CHECK(log.count("lost its peer: write: Connection reset by peer") == 1);
    CHECK(leaves.failures.empty());
}
