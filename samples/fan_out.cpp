// SPDX-License-Identifier: MIT
// Fan out, fan in: six pictures are made small, never more than three at a time.
//
// A BoundedExecutor runs a task for every item, keeps to its limit, tells how far it has come, and
// returns the results in the order of the items, whoever was done first. A failure cancels the
// rest; asked to collect, it stands in its place among the results. Time is virtual: it jumps.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/bounded_executor.hpp>
#include <eddy/outcome.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>

#include "finished.hpp"
#include "jumping_clock.hpp"

using namespace std::chrono_literals;

struct Picture {
    std::string name;
    int size = 0;  // and it takes so many ms
};

/// Makes pictures small; counts how many it works on at the same time.
class Workshop {
public:
    int most = 0;
    int begun = 0;

    eddy::Task<std::string> shrink(const Picture& picture) {
        ++begun;
        most = std::max(most, ++working_);
        co_await eddy::sleep_for(std::chrono::milliseconds(picture.size));
        --working_;
        if (picture.size == 66) {
            throw std::runtime_error(picture.name + " is no picture");
        }
        co_return picture.name + ":" + std::to_string(picture.size / 10);
    }

private:
    int working_ = 0;
};

std::vector<Picture> pictures() {
    return {{"ant", 70}, {"bee", 20}, {"cow", 50}, {"dog", 40}, {"elk", 90}, {"fox", 10}};
}

eddy::Task<> fan_out() {
    Workshop workshop;
    const auto shrink = [&workshop](const Picture& picture) { return workshop.shrink(picture); };
    eddy::BoundedExecutor executor(3, [](std::size_t completed, std::size_t total) {
        const auto ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(eddy::now().time_since_epoch());
        std::cout << "  " << ms.count() << " ms: " << completed << " of " << total << "\n";
    });

    std::cout << "all of them\n";
    const std::vector<std::string> small = co_await executor.map(pictures(), shrink);
    for (const std::string& name : small) {
        std::cout << name << " ";
    }
    std::cout << "\nat most " << workshop.most << " at a time\n";

    std::vector<Picture> with_a_stone = pictures();
    with_a_stone[2] = {"stone", 66};
    std::cout << "one that fails cancels the rest\n";
    workshop.begun = 0;
    std::string reason;
    try {
        const auto none = co_await executor.map(with_a_stone, shrink);
        reason = std::to_string(none.size()) + " results";
    } catch (const std::runtime_error& error) {
        reason = error.what();
    }
    std::cout << reason << ", " << workshop.begun << " were begun\n";

    std::cout << "or stands in its place\n";
    std::vector<eddy::Outcome<std::string>> outcomes =
        co_await executor.map_settled(with_a_stone, shrink);
    for (eddy::Outcome<std::string>& outcome : outcomes) {
        std::cout << (outcome ? outcome.value() : "(none)") << " ";
    }
    std::cout << "\n";
}

int main() {
    JumpingClock clock;
    return finished(eddy::run_main(fan_out(), {}, {.clock = &clock}));
}
