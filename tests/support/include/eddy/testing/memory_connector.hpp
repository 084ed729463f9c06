// SPDX-License-Identifier: MIT
#pragma once

#include <eddy/net/connector.hpp>
#include <eddy/testing/memory_listener.hpp>

namespace eddy::testing {

/// Connects to a listener in memory, for a client that takes a `Connector`.
///
///     MemoryListener listener;
///     Client client(memory_connector(listener));
///
/// Throws:   `BrokenResource`, when it is called, if the listener is closed or its backlog full.
/// Lifetime: the listener outlives the connector and its copies.
[[nodiscard]] inline Connector memory_connector(MemoryListener& listener) {
    const auto fn = [to = &listener] { return to->connect(); };
    return Connector(fn);
}

}  // namespace eddy::testing
