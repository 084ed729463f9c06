// SPDX-License-Identifier: MIT
// A message, and a delimiter, must not have ended when they are looked at.

#include <string>

#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/framed.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

eddy::Task<> correct(eddy::FrameWriter<eddy::TcpStream>& writer,
                     eddy::BufferedReader<eddy::TcpStream>& reader,
                     const std::string& text) {
    co_await writer.send(text + "!");
    auto send = writer.send(text);
    co_await send;
    static_cast<void>(co_await reader.read_until(text + "!"));
    auto part = reader.read_until(text);
    static_cast<void>(co_await part);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::FrameWriter<eddy::TcpStream>& writer,
                   eddy::BufferedReader<eddy::TcpStream>& reader,
                   const std::string& text) {
    auto send = writer.send(text + "!");
    co_await send;
    auto part = reader.read_until(text + "!");
    static_cast<void>(co_await part);
}
#endif
