// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/testing/memory_stream.hpp>

namespace simulation {

/// A mistake to be found: every so many writes, one writes nothing.
class LossyStream final {
public:
    explicit LossyStream(eddy::testing::MemoryStream inner) : inner_(std::move(inner)) {}

    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto write_some(std::span<const std::byte> bytes) {
        return inner_.write_some(bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::byte> bytes) {
        return inner_.write_all(loses() ? bytes.first(0) : bytes);
    }
    [[nodiscard]] auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(loses() ? several.first(0) : several);
    }
    [[nodiscard]] auto write_all(std::string_view text) {
        return write_all(std::as_bytes(std::span(text)));
    }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    [[nodiscard]] bool loses() noexcept { return ++writes_ % 10 == 0; }

    eddy::testing::MemoryStream inner_;
    unsigned writes_ = 0;
};

}  // namespace simulation
