// SPDX-License-Identifier: MIT
// A write looks into its text, which must not have ended.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

eddy::Task<> correct(eddy::TcpStream& stream, const std::string& text) {
    co_await stream.write_all(text + "!");
    co_await stream.write_all(std::vector<std::byte>(3));
    co_await stream.write_all(std::vector<std::span<const std::byte>>(3));
    static_cast<void>(co_await stream.write_some(std::vector<std::byte>(3)));
    auto write = stream.write_all(text);
    co_await write;
    auto literal = stream.write_all("literals last");
    co_await literal;
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::TcpStream& stream, const std::string& text) {
    auto write = stream.write_all(text + "!");
    co_await write;
}
#endif
