// SPDX-License-Identifier: MIT
// The operations of a stream behind one type are operations, so that they can be selected.

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>
#include <eddy/then.hpp>

using Bytes = std::span<const std::byte>;

template <bool tasks>
struct Counted {
    auto read_some(std::span<std::byte> into) {
        if constexpr (tasks) {
            return [](Counted& self, std::span<std::byte> to) -> eddy::Task<std::size_t> {
                co_return self.count += co_await self.inner.read_some(to);
            }(*this, into);
        } else {
            return eddy::then([&] { return inner.read_some(into); },
                              [this](std::size_t length) { return count += length, length; });
        }
    }
    auto write_some(Bytes bytes) { return inner.write_some(bytes); }
    auto write_all(Bytes bytes) { return inner.write_all(bytes); }
    auto write_all(std::span<const Bytes> several) { return inner.write_all(several); }
    auto write_all(std::string_view text) { return inner.write_all(text); }
    auto shutdown() { return inner.shutdown(); }
    void close() { inner.close(); }

    eddy::TcpStream inner;
    std::size_t count = 0;
};

eddy::AnyStream correct(eddy::TcpStream stream) {
    return eddy::AnyStream(Counted<false>{std::move(stream)});
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::AnyStream wrong(eddy::TcpStream stream) {
    return eddy::AnyStream(Counted<true>{std::move(stream)});
}
#endif
