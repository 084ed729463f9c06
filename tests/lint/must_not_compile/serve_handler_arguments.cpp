// SPDX-License-Identifier: MIT
// A handler is called with the stream and what comes after it; references are passed by std::ref.

#include <functional>

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

struct Room {};
eddy::Task<> handle(eddy::TcpStream stream, Room& room, int number);

eddy::Task<> correct(eddy::TcpListener& listener, Room& room) {
    co_await eddy::serve(listener, handle, std::ref(room), 1);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::TcpListener& listener, Room& room) {
    co_await eddy::serve(listener, handle, std::ref(room));
}
#endif
