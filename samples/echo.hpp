// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>

/// Gives back what it gets, until the client has said all it wanted to say.
template <eddy::Stream S>
eddy::Task<> echo(S stream) {
    std::array<std::byte, 4096> buffer;
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}
