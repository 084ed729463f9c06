// SPDX-License-Identifier: MIT
// What handlers are given comes after a Server.

#include <functional>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

struct Room {};
eddy::Task<> handle(eddy::TcpStream stream, Room& room);

eddy::Task<> correct(eddy::Server& server, eddy::TcpListener& listener, Room& room) {
    co_await eddy::serve(server, listener, handle, std::ref(room));
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::TcpListener& listener, Room& room) {
    co_await eddy::serve(listener, handle, std::ref(room));
}
#endif
