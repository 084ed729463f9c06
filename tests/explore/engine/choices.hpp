// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace explore {

/// The decisions of one execution, and which execution comes next: depth first, by replaying all
/// of the last one but its last decision that has an alternative left.
class Choices {
public:
    /// 0 to count - 1. What has been decided before is decided again.
    [[nodiscard]] std::size_t choose(std::size_t count);
    /// The next decision has not been made before.
    [[nodiscard]] bool at_end() const noexcept { return next_ == taken_.size(); }

    /// Before an execution.
    void rewind() noexcept { next_ = 0; }
    /// After it. False: there is no other one.
    [[nodiscard]] bool advance();
    void clear() noexcept { taken_.clear(); }

    /// "0,2,1": to be given to `replay`.
    [[nodiscard]] std::string text() const;
    void replay(const std::string& text);

    /// The program did not do what it did before up to the same decision.
    [[nodiscard]] bool strayed() const noexcept { return strayed_; }

private:
    struct Taken {
        std::size_t chosen;
        std::size_t count;
    };

    std::vector<Taken> taken_;
    std::size_t next_ = 0;
    bool strayed_ = false;
};

}  // namespace explore
