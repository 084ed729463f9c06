// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/waiter.hpp>

#include "bench.hpp"

/// What `AnyStream` and `TimedStream` cost above the direct call.
///
/// The stream of most rows takes and gives whatever it is asked for, at once and for nothing: what
/// is left is the layer. An operation is a `read_some` or a `write_all`.
namespace bench {

namespace layers {

inline constexpr std::size_t rounds = 500'000;  // of a read and a write

template <class R>
class Nothing final : public eddy::Waiter {
public:
    explicit Nothing(std::size_t size) noexcept : size_(size) {}
    // Not inlined, as in a stream that does something.
    [[nodiscard, gnu::noinline]] bool try_now() noexcept {
        asm volatile("" : : "r"(this) : "memory");
        return true;
    }
    void start() noexcept {}
    R take() const noexcept { return static_cast<R>(size_); }
    [[nodiscard]] const char* what() const noexcept override { return "nothing"; }

private:
    void unlink() noexcept override {}
    std::size_t size_;
};

class NullStream final {
public:
    using Bytes = std::span<const std::byte>;

    NullStream() = default;
    NullStream(NullStream&&) = default;
    NullStream& operator=(NullStream&&) = default;
    ~NullStream() = default;

    auto read_some(std::span<std::byte> into) { return Nothing<std::size_t>(into.size()); }
    auto wait_readable() { return Nothing<void>(0); }
    auto write_some(Bytes bytes) { return Nothing<std::size_t>(bytes.size()); }
    auto write_all(Bytes bytes) { return Nothing<void>(bytes.size()); }
    auto write_all(std::span<const Bytes> several) { return Nothing<void>(several.size()); }
    auto write_all(std::string_view text) { return Nothing<void>(text.size()); }
    auto shutdown() { return Nothing<void>(0); }
    void close() {}
};

template <class In, class Out>
eddy::Task<Sample> pass(In& in, Out& out, std::size_t times) {
    std::array<std::byte, 64> buffer{};
    const Meter meter;
    for (std::size_t i = 0; i < times; ++i) {
        co_await out.write_all(std::span<const std::byte>(buffer));
        co_await in.read_some(buffer);
    }
    co_return meter.stop(2 * times);
}

inline eddy::Task<Sample> direct() {
    NullStream stream;
    co_return co_await pass(stream, stream, rounds);
}
inline eddy::Task<Sample> any() {
    eddy::AnyStream stream{NullStream()};
    co_return co_await pass(stream, stream, rounds);
}
inline eddy::Task<Sample> timed() {
    using namespace std::chrono_literals;
    eddy::TimedStream<NullStream> stream(NullStream(), {.idle = 1h});
    co_return co_await pass(stream, stream, rounds);
}
inline eddy::Task<Sample> unix_direct() {
    auto [a, b] = eddy::UnixStream::pair();
    co_return co_await pass(a, b, rounds / 10);
}
inline eddy::Task<Sample> unix_any() {
    auto [a, b] = eddy::UnixStream::pair();
    eddy::AnyStream in(std::move(a));
    eddy::AnyStream out(std::move(b));
    co_return co_await pass(in, out, rounds / 10);
}

template <eddy::Task<Sample> (*what)()>
Sample measured() {
    return eddy::run(what());
}
/// Above the direct call, which is measured in the same breath.
template <eddy::Task<Sample> (*what)()>
Sample above() {
    const Sample with = measured<what>();
    const Sample without = measured<direct>();
    return {.cost = with.cost - without.cost, .allocations = with.allocations};
}

}  // namespace layers

inline void add_layer_rows(std::vector<Row>& rows) {
    using namespace layers;
    rows.push_back({"any_stream",
                    "an operation through AnyStream, above the direct call",
                    "ns",
                    {{"above", above<any>}, {"any", measured<any>}, {"direct", measured<direct>}},
                    {{"", 10}},
                    true});
    rows.push_back({"any_unix",
                    "an operation of 64 bytes through AnyStream, over a Unix socket",
                    "ns",
                    {{"any", measured<unix_any>}, {"direct", measured<unix_direct>}},
                    {{"direct", 1.10}},
                    true});
    rows.push_back(
        {"timed_stream",
         "an operation through TimedStream, above the direct call",
         "ns",
         {{"above", above<timed>}, {"timed", measured<timed>}, {"direct", measured<direct>}},
         {{"", 40}},
         true});
}

}  // namespace bench
