// SPDX-License-Identifier: MIT
// A handler is a coroutine that returns nothing.

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

eddy::Task<> handle(eddy::TcpStream stream);
eddy::Task<int> counts(eddy::TcpStream stream);

eddy::Task<> correct(eddy::Server& server, eddy::TcpListener& listener) {
    co_await eddy::serve(server, listener, handle);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::Server& server, eddy::TcpListener& listener) {
    co_await eddy::serve(server, listener, counts);
}
#endif
