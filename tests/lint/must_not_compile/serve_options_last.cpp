// SPDX-License-Identifier: MIT
// Options come first where handlers are given more than the connection.

#include <functional>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

struct Room {};
eddy::Task<> handle(eddy::TcpStream stream, Room& room);

eddy::Task<> correct(eddy::TcpListener& listener, Room& room) {
    co_await eddy::serve({.max_connections = 1}, listener, handle, std::ref(room));
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::TcpListener& listener, Room& room, const eddy::ServeOptions& options) {
    co_await eddy::serve_until_signal(listener, handle, std::ref(room), options);
}
#endif
