// SPDX-License-Identifier: MIT
// A write that goes on in the outside world would read what its writer has given back.

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <eddy/from_callback.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/tcp.hpp>

class Outside {
public:
    explicit Outside(eddy::TcpStream& inner) : inner_(inner) {}
    auto write_some(std::span<const std::byte> bytes) { return inner_.write_some(bytes); }
    auto write_all(std::span<const std::byte> bytes) { return inner_.write_all(bytes); }
#ifdef EDDY_MUST_NOT_COMPILE
    auto write_all(std::span<const std::span<const std::byte>>) {
        return eddy::from_callback<void>([](eddy::Completion<void>) {});
    }
#else
    auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
#endif
    auto write_all(std::string_view text) { return inner_.write_all(text); }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    eddy::TcpStream& inner_;
};

eddy::Task<> writes(Outside& stream) {
    eddy::BufferedWriter writer(stream);
    co_await writer.write("hello");
    co_await writer.flush();
}
