// SPDX-License-Identifier: MIT
// As write_named.cpp, through the layers.

#include <string>
#include <utility>

#include <eddy/net/any_stream.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/task.hpp>

eddy::Task<> correct(eddy::TimedStream<eddy::AnyStream>& stream, const std::string& text) {
    co_await stream.write_all(text + "!");
    co_await stream.inner().write_all(text + "!");
    auto write = stream.write_all(text);
    co_await write;
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::AnyStream& stream, const std::string& text) {
    auto write = stream.write_all(text + "!");
    co_await write;
}
#endif
