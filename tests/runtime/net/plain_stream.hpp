// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/task.hpp>
#include <eddy/testing/memory_stream.hpp>

/// Streams of a user's, who has not read everything: without what a stream may have besides, and
/// with tasks in place of operations.

namespace eddy::testing {

class PlainStream final {
public:
    explicit PlainStream(MemoryStream inner) : inner_(std::move(inner)) {}

    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        return inner_.write_some(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::byte> bytes) {
        return inner_.write_all(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    [[nodiscard]] auto write_all(std::string_view text) { return inner_.write_all(text); }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    MemoryStream inner_;
};

class TaskStream final {
public:
    explicit TaskStream(MemoryStream inner) : inner_(std::move(inner)) {}

    [[nodiscard]] Task<std::size_t> read_some(std::span<std::byte> into) {
        co_return co_await inner_.read_some(into);
    }
    [[nodiscard]] Task<> wait_readable() { co_await inner_.wait_readable(); }
    [[nodiscard]] Task<std::size_t> write_some(std::span<const std::byte> bytes) {
        co_return co_await inner_.write_some(bytes);
    }
    [[nodiscard]] Task<> write_all(std::span<const std::byte> bytes) {
        co_await inner_.write_all(bytes);
    }
    [[nodiscard]] Task<> write_all(std::span<const std::span<const std::byte>> several) {
        co_await inner_.write_all(several);
    }
    [[nodiscard]] Task<> write_all(std::string_view text) { co_await inner_.write_all(text); }
    [[nodiscard]] Task<> shutdown() { co_await inner_.shutdown(); }
    void close() { inner_.close(); }
    void close_reset() { inner_.close_reset(); }

private:
    MemoryStream inner_;
};

}  // namespace eddy::testing
