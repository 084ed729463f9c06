// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace eddy::inline v0_1::detail {

/// A job's name, shared: what a job owns can still say whose it is after the job has ended.
///
/// Counted without atomics, like the job itself. Copying neither allocates nor throws.
class JobName final {
public:
    JobName() noexcept = default;
    explicit JobName(std::string_view text) : node_(new Node{.text = std::string(text)}) {}
    JobName(const JobName& other) noexcept : node_(other.node_) {
        if (node_ != nullptr) {
            ++node_->references;
        }
    }
    JobName& operator=(JobName other) noexcept {
        std::swap(node_, other.node_);
        return *this;
    }
    ~JobName() {
        if (node_ != nullptr) {
            release();
        }
    }

    [[nodiscard]] explicit operator bool() const noexcept { return node_ != nullptr; }
    /// Empty if there is none.
    [[nodiscard]] std::string_view view() const noexcept {
        return node_ != nullptr ? std::string_view(node_->text) : std::string_view();
    }

private:
    struct Node {
        std::uint32_t references = 1;
        std::string text;
    };

    void release() noexcept {
        if (--node_->references == 0) {
            delete node_;
        }
    }

    Node* node_ = nullptr;
};

}  // namespace eddy::inline v0_1::detail
