// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/stream_watch.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

/// What a `TimedStream` and its operations share: it may be moved, and destroyed, while they wait.
template <class S>
struct EDDY_VISIBLE TimedState final {
    using Inner = std::remove_reference_t<S>;
    using Side = StreamWatch::Side;

    TimedState(S&& given, const StreamTimeouts& timeouts)
        : stream(std::forward<S>(given)), watch(timeouts) {}

    TimedState(const TimedState&) = delete;
    TimedState& operator=(const TimedState&) = delete;
    ~TimedState() {
        if constexpr (std::is_reference_v<S>) {
            if (torn) {  // only we know: the stream must not end as if nothing were missing
                close();
            }
        }
    }

    void require_whole() const {
        if (torn && !watch.busy(Side::write)) {
            throw BrokenResource("write: an earlier write was cancelled halfway");
        }
    }
    /// For what comes after all writes. Between two parts of one the stream knows nothing of it.
    void require_no_write() const {
        require_whole();
        if (torn) {
            throw BusyResource("shutdown: another job writes to this stream");
        }
    }
    /// A part of a write is out, and the rest is not.
    void tear() noexcept { torn = !closed; }
    void close() {
        const bool reset = std::exchange(torn, false);
        closed = true;
        if constexpr (requires(Inner& inner) { inner.close_reset(); }) {
            if (reset) {
                stream.close_reset();
            }
        }
        stream.close();
    }
    void close_reset() {
        torn = false;
        closed = true;
        stream.close_reset();
    }

    S stream;
    StreamWatch watch;
    bool torn = false;    // between two parts of a write; within a part, the stream knows
    bool closed = false;  // by us: nothing can be torn any more
};

}  // namespace eddy::inline v0_1::detail
