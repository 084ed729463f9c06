// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

/// What every fuzz target is written with: a check that holds in every build, a reader of bytes,
/// and a way to plant a mistake.

namespace eddy::fuzz {

/// Says which law is broken, and aborts: whoever drives the target keeps the input.
[[noreturn]] inline void broken(const char* law, const char* file, int line) noexcept {
    std::fprintf(stderr, "fuzz: a law is broken: %s (%s:%d)\n", law, file, line);
    std::abort();
}

/// Whether the environment asks for this mistake: `FUZZ_MISTAKE=name`. A target plants one by doing
/// something wrong around what it tests; its name stands in the target's line "// Mistakes: ...",
/// and a test of CMake's makes sure that the target finds it.
[[nodiscard]] inline bool planted(std::string_view name) noexcept {
    static const char* const asked = std::getenv("FUZZ_MISTAKE");
    return asked != nullptr && asked == name;
}

/// Reads the input from its front. Past its end everything is zero, so each input means something,
/// and so does each shorter one.
class Bytes final {
public:
    Bytes(const std::uint8_t* data, std::size_t size) noexcept : left_(data, size) {}

    [[nodiscard]] bool empty() const noexcept { return left_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return left_.size(); }

    [[nodiscard]] std::uint8_t take_u8() noexcept {
        if (left_.empty()) {
            return 0;
        }
        const std::uint8_t value = left_.front();
        left_ = left_.subspan(1);
        return value;
    }
    /// The lowest byte first.
    [[nodiscard]] std::uint64_t take_u64(int bytes = 8) noexcept {
        std::uint64_t value = 0;
        for (int i = 0; i < bytes; ++i) {
            value |= static_cast<std::uint64_t>(take_u8()) << (8 * i);
        }
        return value;
    }
    [[nodiscard]] bool flag() noexcept { return (take_u8() & 1U) != 0; }
    /// A number in [low, high], from as many bytes as that needs; low for zeros.
    /// Requires: low <= high.
    [[nodiscard]] std::int64_t pick(std::int64_t low, std::int64_t high) noexcept {
        const std::uint64_t range =
            static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
        int bytes = 0;
        for (std::uint64_t rest = range; rest != 0; rest >>= 8U) {
            ++bytes;
        }
        const std::uint64_t value = take_u64(bytes);
        return static_cast<std::int64_t>(
            static_cast<std::uint64_t>(low) +
            (range == ~std::uint64_t{0} ? value : value % (range + 1)));
    }
    /// An index. Requires: size > 0.
    [[nodiscard]] std::size_t pick_index(std::size_t size) noexcept {
        return static_cast<std::size_t>(pick(0, static_cast<std::int64_t>(size) - 1));
    }
    /// The next bytes; fewer where there are not so many.
    [[nodiscard]] std::span<const std::uint8_t> take(std::size_t count) noexcept {
        const auto taken = left_.first(std::min(count, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }
    [[nodiscard]] std::span<const std::uint8_t> rest() noexcept { return take(left_.size()); }
    /// The same as text.
    [[nodiscard]] std::string_view rest_text() noexcept {
        const auto bytes = rest();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

private:
    std::span<const std::uint8_t> left_;
};

}  // namespace eddy::fuzz

/// A law of what is tested. Also with NDEBUG.
#define FUZZ_REQUIRE(...)                                           \
    do {                                                            \
        if (!(__VA_ARGS__)) {                                       \
            ::eddy::fuzz::broken(#__VA_ARGS__, __FILE__, __LINE__); \
        }                                                           \
    } while (false)

/// What libFuzzer and our own driver call. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
