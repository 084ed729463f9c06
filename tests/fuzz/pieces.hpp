// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/memory_stream.hpp>

#include "fuzz.hpp"

/// For targets that read a stream: a text that comes in pieces, and what a read of it came to.

namespace eddy::fuzz {

/// The next bytes, as an input of their own.
[[nodiscard]] inline Bytes part(Bytes& from, std::size_t size) noexcept {
    const std::span<const std::uint8_t> bytes = from.take(size);
    return {bytes.data(), bytes.size()};
}

/// How the other side leaves.
enum class End : std::uint8_t { shutdown, close, reset };

/// Writes `text` in pieces with pauses, both cut by the script, and then leaves.
inline Task<> feed(testing::MemoryStream stream, std::string_view text, Bytes& script, End end) {
    try {
        while (!text.empty()) {
            const std::uint8_t cut = script.take_u8();
            const std::size_t length = script.empty() ? text.size() : 1 + cut % 32U;
            const std::string_view piece = text.substr(0, length);
            co_await stream.write_all(piece);
            text.remove_prefix(piece.size());
            if (cut >= 128) {
                co_await sleep_for(std::chrono::milliseconds(cut / 32));
            }
        }
        if (end == End::shutdown) {
            co_await stream.shutdown();
            co_await sleep_for(std::chrono::hours(1));
        }
    } catch (const BrokenResource&) {  // the reader has left
    }
    end == End::reset ? stream.close_reset() : stream.close();
}

/// A stream that has no `wait_readable`: its readers keep a buffer while they wait.
class Plain final {
public:
    explicit Plain(testing::MemoryStream& stream) noexcept : stream_(stream) {}
    [[nodiscard]] auto read_some(std::span<std::byte> into) { return stream_.read_some(into); }

private:
    testing::MemoryStream& stream_;
};

/// What one read came to. `bytes` is where the reader has it.
struct Read {
    enum class What : std::uint8_t { bytes, ended, limit, cut_short, invalid, broken, cancelled };
    What what;
    std::string_view bytes;
};

/// Throws what is none of these.
inline Read::What what_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const LimitExceeded&) {
        return Read::What::limit;
    } catch (const EndOfStream&) {
        return Read::What::cut_short;
    } catch (const BrokenResource&) {
        return Read::What::broken;
    } catch (const std::invalid_argument&) {
        return Read::What::invalid;
    }
}

inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Some texts are longer than any buffer is at first.
inline std::string repeated(std::string_view text, std::uint8_t how) {
    const int times = how < 224 ? 1 : how < 252 ? 3 : 24;
    std::string whole;
    for (int i = 0; i < times; ++i) {
        whole += text;
    }
    return whole;
}

}  // namespace eddy::fuzz
