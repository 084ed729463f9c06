// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <eddy/detail/split_mix.hpp>
#include <eddy/error.hpp>
#include <eddy/gather.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>
#include <eddy/time.hpp>

namespace eddy::testing {

/// What goes wrong on a wire; nothing, unless it is said.
struct WireFaults {
    /// A number of bytes, of both directions together, that is never reached.
    static constexpr std::uint64_t not_at_all = std::numeric_limits<std::uint64_t>::max();

    std::uint64_t seed = 1;                  ///< of what is left to chance
    Duration delay = Duration::zero();       ///< between the taking of a piece and its arrival
    Duration jitter = Duration::zero();      ///< up to so much more, by chance; order stays
    std::size_t piece = 16UL * 1024;         ///< bytes that travel together, at most; at least 1
    bool split = false;                      ///< pieces are smaller by chance
    std::size_t bytes_per_second = 0;        ///< each way; 0: as many as come
    std::uint64_t reset_after = not_at_all;  ///< so many bytes arrive; then both sides see a reset
    std::uint64_t stall_after =
        not_at_all;  ///< so many are taken; then nothing moves, no end either,
    Duration stall_for = Duration::max();  ///< for so long: a stall, or a half-open peer
};

/// What a wire has done so far.
struct WireReport {
    std::uint64_t there = 0;  ///< bytes that have arrived, from the first stream to the second
    std::uint64_t back = 0;
    bool reset = false;    ///< by the wire; not by one of the sides
    bool stalled = false;  ///< at some time
    bool over = false;
};

namespace detail {

/// What the two directions of a wire share.
class Wire final {
public:
    Wire(const WireFaults& faults, WireReport& report);

    [[nodiscard]] WireReport& report() noexcept { return report_; }
    [[nodiscard]] std::size_t largest_piece() const noexcept { return faults_.piece; }
    [[nodiscard]] std::size_t next_piece() noexcept;
    /// As long as so many bytes that were taken are under way.
    [[nodiscard]] Task<> travel(std::size_t length);
    /// How many of these still arrive, when their time has come.
    [[nodiscard]] std::size_t arriving(std::size_t length) noexcept;
    [[nodiscard]] bool cut() const noexcept { return report_.reset; }

private:
    WireFaults faults_;
    WireReport& report_;
    eddy::detail::SplitMix random_;
    std::uint64_t taken_ = 0;
    std::uint64_t arrived_ = 0;
    TimePoint stalled_until_ = TimePoint::min();
};

template <class S>
void tear(S& stream) {
    if constexpr (requires { stream.close_reset(); }) {
        stream.close_reset();
    } else {
        stream.close();
    }
}

template <ReadStream R, WriteStream W>
Task<> carry_all(R& from, W& to, Wire& wire, std::uint64_t& count) {
    std::vector<std::byte> buffer(wire.largest_piece());
    while (!wire.cut()) {
        const std::span<std::byte> room = std::span(buffer).first(wire.next_piece());
        const std::size_t length = co_await from.read_some(room);
        co_await wire.travel(length);
        if (length == 0) {
            co_await to.shutdown();
            co_return;
        }
        const std::size_t arriving = wire.arriving(length);
        co_await to.write_all(std::span<const std::byte>(buffer).first(arriving));
        count += arriving;
    }
    throw BrokenResource("the wire was cut");
}

/// One direction. When it breaks, so does the other one.
template <Stream R, Stream W>
Task<> carry(R& from, W& to, Wire& wire, std::uint64_t& count) {
    bool broken = false;
    try {
        co_await carry_all(from, to, wire, count);
    } catch (const std::exception&) {  // a side is gone, or the wire was cut
        broken = true;
    }
    if (broken) {
        co_await wire.travel(0);  // nobody hears of it before a stall is over
        tear(from);
        tear(to);
    }
}

}  // namespace detail

/// Joins two connections by a wire with faults, until both sides have ended, or one is gone: a
/// network for streams in memory, and a proxy that misbehaves for real ones.
///
///     auto [client, near] = memory_stream_pair();
///     const WireFaults faults{.delay = 50ms, .split = true, .reset_after = 1000};
///     group.spawn(faulty_wire(std::move(near), listener.connect(), faults, report));
///
/// The same seed does the same. One piece at a time travels each way, so `delay` limits the rate,
/// too: what comes meanwhile waits with its writer. An end is passed on at once, a reset as a
/// reset; what was under way is lost then. While the wire stalls it takes one piece more each way,
/// at most, and passes nothing on, not that a side has gone either.
///
/// Throws:       nothing of the streams: when one breaks, the other one is reset, and it returns.
///               `std::invalid_argument` for a piece of zero.
/// Cancellation: both streams are reset.
/// Lifetime:     `report` outlives the await.
template <Stream A, Stream B>
[[nodiscard]] Task<> faulty_wire(A one, B other, WireFaults faults, WireReport& report) {
    detail::Wire wire(faults, report);
    struct End {
        explicit End(WireReport& r) : report(r) {}
        End(const End&) = delete;
        End& operator=(const End&) = delete;
        ~End() { report.over = true; }
        WireReport& report;
    } end(report);
    try {
        co_await gather(detail::carry(one, other, wire, report.there),
                        detail::carry(other, one, wire, report.back));
    } catch (...) {  // cancelled
        detail::tear(one);
        detail::tear(other);
        throw;
    }
}

}  // namespace eddy::testing
