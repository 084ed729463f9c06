// SPDX-License-Identifier: MIT
#include <eddy/fs/remove_tree.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

#include "fs/posix.hpp"
#include "fs/remove_below.hpp"

namespace eddy::inline v0_1 {

namespace {

/// Without slashes at its end.
[[nodiscard]] std::string_view last_part_of(std::string_view path) {
    path = path.substr(0, path.find_last_not_of('/') + 1);
    return path.substr(path.rfind('/') + 1);
}

[[nodiscard]] std::uint64_t remove_whole_tree(const std::string& path) {
    return detail::remove_below(path, detail::Stops::when_asked);
}

}  // namespace

FileCall<std::uint64_t> remove_tree(const std::filesystem::path& path,
                                    const RemoveTreeOptions& options) {
    std::string name = detail::native_path(path);
    const std::string_view last = last_part_of(name);
    if (last.empty() || last == "." || last == "..") {
        throw std::invalid_argument("remove_tree removes by name, and " + detail::shown(name) +
                                    " has none at its end");
    }
    return detail::call_file(
        "remove_tree", options.executor, OnCancel::wait, &remove_whole_tree, std::move(name));
}

}  // namespace eddy::inline v0_1
