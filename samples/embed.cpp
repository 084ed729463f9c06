// SPDX-License-Identifier: MIT
// A guest on somebody else's loop: a program that is built on libuv runs Eddy jobs beside its own
// callbacks, on one thread.
//
// The host draws frames from a timer. It asks Eddy to load what the next level needs, goes on
// drawing meanwhile, and is called back when that is there; then Eddy leaves, and the loop is the
// host's alone again.
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <uv.h>

#include <eddy/gather.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task.hpp>

#include "finished.hpp"

using namespace std::chrono_literals;

namespace {

/// The guest's side: coroutines.
eddy::Task<std::string> load(std::string name, int pieces) {
    for (int piece = 0; piece < pieces; ++piece) {
        co_await eddy::sleep_for(10ms);  // stands for a file, a server, a database
    }
    std::cout << "eddy: loaded " << name << "\n";
    co_return name;
}

eddy::Task<> load_level(std::function<void(std::string)> ready) {
    const auto [map, music] = co_await eddy::gather(load("map", 6), load("music", 2));
    ready(map + " and " + music);
}

/// The host's side: callbacks. It knows nothing of coroutines.
class Game {
public:
    explicit Game(uv_loop_t* loop) : eddy_(eddy::Loop::attach(loop)) {
        uv_timer_init(loop, &timer_);
        timer_.data = this;
        uv_timer_start(
            &timer_, [](uv_timer_t* timer) { static_cast<Game*>(timer->data)->draw(); }, 0, 5);
    }

private:
    void draw() {
        if (++frames_ == 1) {
            std::cout << "host: first frame, asks for a level\n";
            eddy_->spawn(load_level([this](std::string what) { play(what); })).detach();
        }
    }

    void play(const std::string& what) {
        std::cout << "host: got " << what << ", and drew "
                  << (frames_ > 3 ? "frames all the time" : "too few frames") << "\n";
        eddy_->detach([this] {
            std::cout << "host: eddy has left\n";
            uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
        });
    }

    std::unique_ptr<eddy::Loop> eddy_;
    uv_timer_t timer_{};
    int frames_ = 0;
};

}  // namespace

int main() {
    uv_loop_t loop;
    uv_loop_init(&loop);
    {
        Game game(&loop);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    const int left = uv_loop_close(&loop);
    std::cout << (left == 0 ? "host: nothing is left in the loop\n" : "host: something is left\n");
    return finished(left == 0 ? 0 : 1);
}
