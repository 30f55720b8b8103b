"""Which examples can a composer have learned from, and so lean on?"""

import numpy as np
import torch

from model.batches import matrices, split_examples
from provenance.composer_index import CorpusExamples, Source
from tests.model.corpora import a_corpus


def test_works_that_are_held_out_are_no_examples_and_so_have_no_share(tmp_path):
    corpus = a_corpus(tmp_path, works=40)
    examples = CorpusExamples(corpus, 512)
    trained, held_out = split_examples(corpus)
    never = {corpus.work_ids[i] for i in held_out}
    assert never and not never & set(examples.work_ids)
    assert len(examples) == len(examples.work_ids) == len(trained) < len(corpus)
    some = np.array([0, len(trained) - 1])
    last = corpus[int(trained[-1])]
    place = Source(corpus.encoding_ids[int(trained[-1])], last.bar_start, last.bar_end)
    assert examples.source(len(trained) - 1) == place
    assert torch.equal(examples.rows(some), matrices(corpus, trained[some], 512))
