// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Containers that grow and go, by recursion and through libstdc++: the same code at many depths.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct node {
	std::unique_ptr<node> left, right;
	std::string text;
};

static std::unique_ptr<node> grow(int depth, int seed)
{
	if (!depth)
		return nullptr;
	auto made = std::make_unique<node>();
	made->text.assign(64 + unsigned(seed) % 500, 'x');
	made->left = grow(depth - 1, seed * 7 + 1);
	made->right = grow(depth - 1, seed * 5 + 3);
	return made;
}

int main()
{
	size_t sum = 0;
	std::vector<std::unique_ptr<node>> kept;
	for (int round = 0; round < 12; round++) {
		std::map<std::string, std::vector<int>> index;
		for (int i = 0; i < 20000; i++)
			index["key " + std::to_string(i * 7919 % 10007)].push_back(i);
		std::vector<std::string> words;
		for (auto &entry : index)
			words.push_back(entry.first);
		std::sort(words.rbegin(), words.rend());
		kept.push_back(grow(13, round));
		if (kept.size() > 4)
			kept.erase(kept.begin());
		sum += words.size() + kept.back()->text.size();
	}
	return sum ? 0 : 1;
}
