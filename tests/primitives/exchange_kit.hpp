// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/loop.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/with_scope.hpp>

/// What the tests of queues and channels share.

namespace eddy::testing {

/// An item that can only be moved, and is counted while it is one: moved from, it is not.
class Tracked final {
public:
    explicit Tracked(int number) noexcept : number_(number) { ++alive(); }
    Tracked(Tracked&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Tracked& operator=(Tracked&&) = delete;
    ~Tracked() {
        if (number_ != -1) {
            --alive();
        }
    }

    [[nodiscard]] int number() const noexcept { return number_; }
    [[nodiscard]] static int& alive() noexcept {
        static int count = 0;
        return count;
    }
    friend bool operator<(const Tracked& a, const Tracked& b) noexcept {
        return a.number_ < b.number_;
    }

private:
    int number_;
};

/// True if `call` is refused on another thread than the loop's.
inline bool refused_elsewhere(const std::function<void()>& call) {
    bool refused = false;
    std::thread([&] {
        try {
            call();
        } catch (const WrongThread&) {
            refused = true;
        }
    }).join();
    return refused;
}

/// In the frame of a job that is never resumed: calls `last` when it dies, if it is the first.
class CallsAtEnd final {
public:
    CallsAtEnd(const std::function<void()>& last, bool& called) : last_(last), called_(called) {}
    CallsAtEnd(const CallsAtEnd&) = delete;
    CallsAtEnd& operator=(const CallsAtEnd&) = delete;
    ~CallsAtEnd() {
        if (!std::exchange(called_, true)) {
            last_();
        }
    }

private:
    const std::function<void()>& last_;
    bool& called_;
};

inline Task<> calls_at_end(const std::function<void()>& last, bool& called) {
    const CallsAtEnd caller(last, called);
    co_await wait_matrix::ignores_everything();
}

inline Task<> start_stubborn(const std::function<void()>& start_jobs,
                             const std::function<void()>& last,
                             bool& called) {
    spawn(calls_at_end(last, called)).detach();  // one of the two dies before those in between
    start_jobs();
    spawn(calls_at_end(last, called)).detach();
    co_await settle();
}

/// Runs a loop whose jobs, started by `start_jobs`, ignore its end: `last` is called when their
/// frames are about to be destroyed.
inline void destroy_frames(const std::function<void()>& start_jobs,
                           const std::function<void()>& last) {
    VirtualClock clock;
    RecordingObserver observer;
    bool called = false;
    Loop loop({.clock = &clock, .observer = &observer});
    loop.run(start_stubborn(start_jobs, last, called), {.grace = std::chrono::milliseconds(1)});
    CHECK(called);
    CHECK(observer.failures.empty());
    CHECK(loop.statistics().jobs_alive == 0);
}

/// What `call` throws, by kind.
inline std::string thrown_by(const std::function<void()>& call) {
    try {
        call();
    } catch (const ClosedResource&) {
        return "closed";
    } catch (const BrokenResource&) {
        return "broken";
    } catch (const BusyResource&) {
        return "busy";
    } catch (const EndOfStream&) {
        return "end";
    } catch (const InvalidState&) {
        return "invalid state";
    } catch (const std::invalid_argument&) {
        return "invalid argument";
    }
    return "nothing";
}

}  // namespace eddy::testing
