// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/net/copy.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/task.hpp>

/// Gives back what it gets, until the client has said all it wanted to say.
template <eddy::Stream S>
eddy::Task<> echo(S stream) {
    co_await eddy::copy(stream, stream);
}
