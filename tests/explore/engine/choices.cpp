// SPDX-License-Identifier: MIT
#include "choices.hpp"

#include <sstream>

namespace explore {

std::size_t Choices::choose(std::size_t count) {
    if (count == 1) {
        return 0;
    }
    if (next_ == taken_.size()) {
        taken_.push_back({0, count});
    }
    Taken& taken = taken_[next_++];
    if (taken.count == 0) {  // from a text, which does not say how many there were
        taken.count = count;
    }
    if (taken.count != count || taken.chosen >= count) {
        strayed_ = true;
        return 0;
    }
    return taken.chosen;
}

bool Choices::advance() {
    while (!taken_.empty() && taken_.back().chosen + 1 >= taken_.back().count) {
        taken_.pop_back();
    }
    if (taken_.empty()) {
        return false;
    }
    ++taken_.back().chosen;
    return true;
}

std::string Choices::text() const {
    std::size_t last = 0;  // what follows is what happens anyway
    for (std::size_t i = 0; i < next_; ++i) {
        last = taken_[i].chosen != 0 ? i + 1 : last;
    }
    std::ostringstream out;
    for (std::size_t i = 0; i < last; ++i) {
        out << (i != 0 ? "," : "") << taken_[i].chosen;
    }
    return last != 0 ? out.str() : "0";
}

void Choices::replay(const std::string& text) {
    taken_.clear();
    std::istringstream in(text);
    std::string number;
    while (std::getline(in, number, ',')) {
        taken_.push_back({std::stoul(number), 0});
    }
}

}  // namespace explore
