// SPDX-License-Identifier: MIT
#include <eddy/detail/caller_place.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <eddy/detail/job.hpp>
#include <eddy/detail/thread_state.hpp>

namespace eddy::inline v0_1::detail {

namespace {

/// Where Eddy was built: this file's name without its end. Empty if that cannot be told.
consteval std::string_view build_root() noexcept {
    constexpr std::string_view end = "runtime/src/core/caller_place.cpp";
    const std::string_view here = std::source_location::current().file_name();
    return here.size() > end.size() && here.ends_with(end)
               ? here.substr(0, here.size() - end.size())
               : std::string_view();
}

/// Its headers, installed or not, and its sources. Its tests and samples are a user's.
bool is_ours(std::string_view file) noexcept {
    if (file.find("/include/eddy/") != std::string_view::npos) {
        return true;
    }
    constexpr std::string_view root = build_root();
    if (root.empty() || !file.starts_with(root)) {
        return false;
    }
    file.remove_prefix(root.size());
    for (const std::string_view part : {"runtime/", "primitives/", "executor/", "tests/support/"}) {
        if (file.starts_with(part)) {
            return file.find("/src/") != std::string_view::npos;
        }
    }
    return false;
}

/// File names are literals: one that was looked at is known by its address.
struct KnownFile {
    const char* name = nullptr;
    bool ours = false;
};
constinit thread_local std::array<KnownFile, 16> known_files{};

constexpr int most_frames = 64;

/// Null: there is none, or not near.
const PromiseBase* first_of_user(const PromiseBase* frame) noexcept {
    for (int looked_at = 0; frame != nullptr && looked_at < most_frames; ++looked_at) {
        if (!in_library(frame->site)) {
            return frame;
        }
        frame = frame->awaiter != nullptr ? frame->awaiter->parent : nullptr;
    }
    return nullptr;
}

}  // namespace

bool in_library(const std::source_location& place) noexcept {
    const char* const name = place.file_name();
    KnownFile& known = known_files[(reinterpret_cast<std::uintptr_t>(name) >> 4U) % 16];
    if (known.name != name) {
        known = {name, is_ours(name)};
    }
    return known.ours;
}

std::source_location user_place(const PromiseBase& leaf,
                                const std::source_location& fallback) noexcept {
    const PromiseBase* const frame = first_of_user(&leaf);
    return frame != nullptr ? frame->site : fallback;
}

std::source_location place_above(const PromiseBase& frame) noexcept {
    const PromiseBase* const found =
        frame.awaiter != nullptr ? first_of_user(frame.awaiter->parent) : nullptr;
    return found != nullptr ? found->site : thread_state.job->spawned;
}

}  // namespace eddy::inline v0_1::detail
