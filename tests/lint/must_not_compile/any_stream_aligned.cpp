// SPDX-License-Identifier: MIT
// What a stream of any type is kept in is aligned as memory is.

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/tcp.hpp>

using Bytes = std::span<const std::byte>;

template <std::size_t alignment>
struct alignas(alignment) Aligned {
    auto read_some(std::span<std::byte> into) { return inner.read_some(into); }
    auto write_some(Bytes bytes) { return inner.write_some(bytes); }
    auto write_all(Bytes bytes) { return inner.write_all(bytes); }
    auto write_all(std::span<const Bytes> several) { return inner.write_all(several); }
    auto write_all(std::string_view text) { return inner.write_all(text); }
    auto shutdown() { return inner.shutdown(); }
    void close() { inner.close(); }

    eddy::TcpStream inner;
};

eddy::AnyStream correct(eddy::TcpStream stream) {
    return eddy::AnyStream(Aligned<alignof(std::max_align_t)>{std::move(stream)});
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::AnyStream wrong(eddy::TcpStream stream) {
    return eddy::AnyStream(Aligned<64>{std::move(stream)});
}
#endif
