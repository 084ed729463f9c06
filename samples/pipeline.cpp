// SPDX-License-Identifier: MIT
// A pipeline: photos are loaded, scaled by two jobs, and saved; channels join the stages.
//
// A channel is a bounded buffer with two ends. When the saver is slow, the scalers wait, and then
// the loader: nothing piles up. The stream ends by itself: a stage that is done drops its end,
// and the next one runs dry. The clock jumps as soon as everybody waits, so no time passes.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <utility>

#include <eddy/channel.hpp>
#include <eddy/error.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"

using namespace std::chrono_literals;

using Photos = eddy::Receiver<std::string>;
using PhotoSender = eddy::Sender<std::string>;

/// The fastest stage, 10 ms each. It waits while two are loaded that no scaler has taken.
eddy::Task<> load(PhotoSender loaded) {
    for (int number = 1; number <= 8; ++number) {
        co_await eddy::sleep_for(10ms);
        std::string photo = "photo " + std::to_string(number);
        if (!loaded.try_send(std::move(photo))) {
            at_now() << photo << " is loaded and has to wait\n";  // it was not moved from
            co_await loaded.send(std::move(photo));
            at_now() << "there is room again\n";
        }
    }
    at_now() << "all are loaded\n";
}

/// 40 ms each; two jobs share the work. Each has its own handle of both channels.
eddy::Task<> scale(Photos loaded, PhotoSender scaled) {
    while (auto photo = co_await loaded.next()) {
        co_await eddy::sleep_for(40ms);
        co_await scaled.send(*photo + ", scaled");
    }
}

/// The slowest: 30 ms, and there is one. Between it and the scalers nothing is stored at all.
eddy::Task<> save(Photos scaled) {
    while (auto photo = co_await scaled.next()) {
        co_await eddy::sleep_for(30ms);
        at_now() << "saved " << *photo << "\n";
    }
    at_now() << "no more photos\n";
}

eddy::Task<> pipeline() {
    co_await eddy::with_task_group([](eddy::TaskGroup& group) -> eddy::Task<> {
        auto [to_scalers, to_be_scaled] = eddy::open_channel<std::string>(2);
        auto [to_saver, to_be_saved] = eddy::open_channel<std::string>(0);
        group.spawn(load(std::move(to_scalers)));
        group.spawn(scale(to_be_scaled, to_saver));
        group.spawn(scale(std::move(to_be_scaled), std::move(to_saver)));
        group.spawn(save(std::move(to_be_saved)));
        co_return;  // every end is now with the stage that uses it
    });
}

/// The other direction: when the last stage stops, the first one hears of it.
eddy::Task<> give_up() {
    auto [sender, receiver] = eddy::open_channel<std::string>(1);
    co_await sender.send("one");
    receiver.close();
    std::string photo = "two";
    try {
        co_await sender.send(std::move(photo));
    } catch (const eddy::BrokenResource& error) {
        std::cout << error.what() << "; still here: " << photo << "\n";
    }
}

int main() {
    JumpingClock clock;
    const int status = eddy::run_main(pipeline(), {}, {.clock = &clock});
    return finished(status != 0 ? status : eddy::run_main(give_up(), {}, {.clock = &clock}));
}
