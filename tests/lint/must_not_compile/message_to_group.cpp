// SPDX-License-Identifier: MIT
// What looks into a temporary string would look for it after its end.

#include <string>

#include <eddy/net/framed.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

eddy::Task<> correct(eddy::FrameWriter<eddy::TcpStream>& writer,
                     eddy::TimedStream<eddy::TcpStream>& stream,
                     const std::string& text) {
    auto literal = writer.send("literals last");
    co_await literal;
    co_await writer.send(text + "!");
    co_await stream.write_all(text + "!");
    auto write = stream.write_all(text);  // an operation
    co_await write;
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group,
           eddy::TimedStream<eddy::TcpStream>& stream,
           const std::string& text) {
    group.spawn(stream.write_all(text + "!"));
}
#endif
