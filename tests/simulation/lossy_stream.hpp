// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/task.hpp>
#include <eddy/testing/memory_stream.hpp>

namespace simulation {

/// A mistake to be found: every so many writes of text, one is not made.
class LossyStream final {
public:
    explicit LossyStream(eddy::testing::MemoryStream inner) : inner_(std::move(inner)) {}

    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        return inner_.write_some(bytes);
    }
    [[nodiscard]] eddy::Task<> write_all(std::span<const std::byte> bytes) {
        if (++writes_ % 10 != 0) {
            co_await inner_.write_all(bytes);
        }
    }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    [[nodiscard]] eddy::Task<> write_all(std::string_view text) {
        return write_all(std::as_bytes(std::span(text)));
    }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    eddy::testing::MemoryStream inner_;
    unsigned writes_ = 0;
};

}  // namespace simulation
