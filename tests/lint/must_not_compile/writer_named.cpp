// SPDX-License-Identifier: MIT
// A write to a buffered writer looks into its text, which must not have ended.

#include <string>

#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

eddy::Task<> correct(eddy::BufferedWriter<eddy::TcpStream>& writer, const std::string& text) {
    co_await writer.write(text + "!");
    auto write = writer.write(text);
    co_await write;
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::BufferedWriter<eddy::TcpStream>& writer, const std::string& text) {
    auto write = writer.write(text + "!");
    co_await write;
}
#endif
