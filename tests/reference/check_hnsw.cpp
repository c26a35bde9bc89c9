/* SPDX-License-Identifier: MIT */
/* Exported tables under hnswlib: an approximate index of inner products finds nearly all of adaptau_model_rank's items.
 *
 *     check_hnsw PATH_OF_test_topk_for */
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <hnswlib/hnswlib.h>

struct Matrix {
    size_t             rows, columns;
    std::vector<float> data;
};

/* What the library writes: data from byte 128, the shape in the header. */
static Matrix read_npy(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    std::string   header(128, ' ');
    Matrix        m;
    if (!file.read(&header[0], 128) ||
        std::sscanf(header.c_str() + header.find("'shape'"), "'shape': (%zu, %zu)", &m.rows, &m.columns) != 2)
        throw std::runtime_error(path + " is no table");
    m.data.resize(m.rows * m.columns);
    if (!file.read(reinterpret_cast<char *>(m.data.data()), static_cast<std::streamsize>(m.data.size() * sizeof(float))))
        throw std::runtime_error(path + " is cut");
    return m;
}

static double share_found(const std::string &model)
{
    const Matrix                    users = read_npy(model + ".users.npy"), items = read_npy(model + ".items.npy");
    hnswlib::InnerProductSpace      space(items.columns);
    hnswlib::HierarchicalNSW<float> index(&space, items.rows, 16, 200);
    std::ifstream                   told(model + ".top.txt");
    std::vector<size_t>             best;
    for (size_t i = 0; i < items.rows; i++)
        index.addPoint(&items.data[i * items.columns], i);
    index.setEf(100);
    long  item;
    float score;
    while (told >> item >> score)
        best.push_back(static_cast<size_t>(item));
    const size_t k = best.size() / users.rows;
    size_t       n = 0;
    for (size_t u = 0; u < users.rows; u++) {
        const std::set<size_t> wanted(best.begin() + static_cast<long>(u * k), best.begin() + static_cast<long>((u + 1) * k));
        for (auto found = index.searchKnn(&users.data[u * users.columns], k); !found.empty(); found.pop())
            n += wanted.count(found.top().second);
    }
    return static_cast<double>(n) / static_cast<double>(best.size());
}

int main(int n_arguments, char **arguments)
{
    char folder[] = "/tmp/adaptau-hnsw-XXXXXX";
    if (n_arguments != 2 || !mkdtemp(folder))
        return 1;
    const std::string at = folder;
    int               code = std::system(("'" + std::string(arguments[1]) + "' --write " + at).c_str());
    for (int model = 0; code == 0 && model < 10; model++) {
        const double share = share_found(at + "/" + std::to_string(model));
        std::cout << "model " << model << ": " << 100 * share << " % found\n";
        code = share < 0.95;
    }
    return std::system(("rm -r " + at).c_str()) || code;
}
