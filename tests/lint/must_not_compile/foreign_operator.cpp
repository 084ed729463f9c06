// SPDX-License-Identifier: MIT
// As foreign_awaitable.cpp, for a class that turns itself into an awaiter.

#include <coroutine>

#include <eddy/task.hpp>

struct Foreign {
    std::suspend_always operator co_await() const noexcept;
};

eddy::Task<> child();

eddy::Task<> correct() { co_await child(); }

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong() { co_await Foreign(); }
#endif
