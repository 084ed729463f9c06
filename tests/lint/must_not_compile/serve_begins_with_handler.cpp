// SPDX-License-Identifier: MIT
// A call of serve begins with a listener, with options, or with a Server.

#include <eddy/net/serve.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/task.hpp>

eddy::Task<> handle(eddy::TcpStream stream);

eddy::Task<> correct(eddy::TcpListener& listener) { co_await eddy::serve(listener, handle); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::TcpListener& listener) { co_await eddy::serve(handle, listener); }
#endif
