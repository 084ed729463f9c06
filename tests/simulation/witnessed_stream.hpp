// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/net/peer_watch.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/then.hpp>

#include "item_ledger.hpp"

namespace simulation {

/// A server's side of a connection: tells the ledger what the wire has taken from it.
template <class S>
class WitnessedStream final {
    using Bytes = std::span<const std::byte>;

public:
    WitnessedStream(S inner, ItemLedger& ledger)
        : inner_(std::move(inner)), ledger_(&ledger), line_(ledger.begin_line()) {}

    [[nodiscard]] auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    [[nodiscard]] auto wait_readable()
        requires eddy::detail::WaitsReadable<S>
    {
        return inner_.wait_readable();
    }
    [[nodiscard]] auto wait_hang_up() { return inner_.wait_hang_up(); }
    [[nodiscard]] auto write_some(Bytes bytes) {
        return eddy::then([this, bytes] { return inner_.write_some(bytes); },
                          [this, bytes](std::size_t length) {
                              const Bytes done = bytes.first(length);
                              tell(std::span(&done, 1));
                              return length;
                          });
    }
    [[nodiscard]] auto write_all(Bytes bytes) {
        return eddy::then([this, bytes] { return inner_.write_all(bytes); },
                          [this, bytes] { tell(std::span(&bytes, 1)); });
    }
    [[nodiscard]] auto write_all(std::span<const Bytes> several) {
        return eddy::then([this, several] { return inner_.write_all(several); },
                          [this, several] { tell(several); });
    }
    [[nodiscard]] auto write_all(std::string_view text) {
        return write_all(std::as_bytes(std::span(text)));
    }
    [[nodiscard]] auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }
    void close_reset() { inner_.close_reset(); }
    [[nodiscard]] auto& peer_watch()
        requires eddy::PeerWatched<S>
    {
        return inner_.peer_watch();
    }

private:
    void tell(std::span<const Bytes> parts) {
        std::string text;
        for (const Bytes part : parts) {
            text.append(reinterpret_cast<const char*>(part.data()), part.size());
        }
        ledger_->written(line_, text);
    }

    S inner_;
    ItemLedger* ledger_;
    std::size_t line_;
};

}  // namespace simulation
