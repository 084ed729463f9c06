// SPDX-License-Identifier: MIT
// To g++ 12 a closure that was moved looks like a temporary.

#include <string>
#include <utility>

#include <eddy/own.hpp>
#include <eddy/task.hpp>
#include <eddy/with_scope.hpp>

eddy::Task<> correct(std::string text) {
    auto body = [text = std::move(text)]() -> eddy::Task<> { co_return; };
    co_await eddy::shield(eddy::own(body));
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(std::string text) {
    auto body = [text = std::move(text)]() -> eddy::Task<> { co_return; };
    co_await eddy::shield(std::move(body));
}
#endif
