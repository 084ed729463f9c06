// SPDX-License-Identifier: MIT
// The item that a send is to move from ends with the statement: clang can tell.

#include <string>
#include <utility>

#include <eddy/channel.hpp>
#include <eddy/queue.hpp>
#include <eddy/task.hpp>

#pragma clang diagnostic error "-Wdangling"

eddy::Task<> correct(eddy::Queue<std::string>& queue, eddy::Sender<int>& numbers) {
    std::string text;
    auto put = queue.put(std::move(text));
    co_await put;
    auto send = numbers.send(1);
    co_await send;
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(eddy::Sender<std::string>& sender) {
    auto send = sender.send(std::string("text"));
    co_await send;
}
#endif
