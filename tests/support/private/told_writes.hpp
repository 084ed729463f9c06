// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/testing/memory_stream.hpp>
#include <eddy/then.hpp>
#include <eddy/waiter.hpp>

/// A stream whose writes call a function of its user's, and who sees what that has done.

namespace eddy::testing {

/// Tells of each write that has gone out.
class ToldWrites final {
public:
    explicit ToldWrites(MemoryStream inner) : inner_(std::move(inner)) {}
    auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    auto write_some(std::span<const std::byte> bytes) {
        return eddy::then([this, bytes] { return inner_.write_some(bytes); },
                          [this](std::size_t length) { return on_write(), length; });
    }
    auto write_all(std::span<const std::byte> bytes) {
        return eddy::then([this, bytes] { return inner_.write_all(bytes); },
                          [this] { on_write(); });
    }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        return eddy::then([this, several] { return inner_.write_all(several); },
                          [this] { on_write(); });
    }
    auto write_all(std::string_view text) { return write_all(std::as_bytes(std::span(text))); }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

    std::function<void()> on_write = [] {};

private:
    MemoryStream inner_;
};

/// True as soon as somebody looks again.
class Look final : public eddy::Waiter {
public:
    explicit Look(const bool& there) noexcept : there_(there) {}
    [[nodiscard]] bool try_now() const noexcept { return there_; }
    void start() const noexcept {}  // nobody wakes it
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "Look"; }

private:
    void unlink() noexcept override {}
    const bool& there_;
};

}  // namespace eddy::testing
