//! Table of wordings: a step's sentence with `#` and `@` for its constants, and others that say the same, in which the
//! constants have numbers.

/// Sentence patterns and their other wordings.
pub(super) const PARAPHRASES: &[(&str, &[&str])] = &[
    // Numbers.
    ("add # to it", &["increase it by #1", "take the sum of it and #1", "find the number that is #1 larger"]),
    ("subtract # from it", &["decrease it by #1", "take #1 away from it", "find the number that is #1 smaller"]),
    (
        "multiply it by #",
        &["scale it by a factor of #1", "replace it by #1 times its value", "take the product of it and #1"],
    ),
    (
        "write it in decimal followed by @",
        &[
            "make a text of its decimal digits with @1 directly behind them",
            "turn it into a text: @1 preceded by its decimal form, without a gap",
        ],
    ),
    (
        "multiply it by # and add #",
        &[
            "replace it by #2 more than #1 times its value",
            "scale it by a factor of #1, and increase the product by #2",
            "take #1 times its value plus #2",
        ],
    ),
    (
        "subtract it from #",
        &["take #1 minus its value", "replace it by what #1 exceeds it by, negative if it is the larger one"],
    ),
    (
        "write it in decimal and reverse the characters",
        &[
            "make a text of its decimal form, read from right to left",
            "turn it into the text of its decimal characters, last one first",
        ],
    ),
    (
        "if it is greater than # subtract # from it, otherwise multiply it by #",
        &[
            "above #1, take #2 away from it; at #1 or below, take #3 times its value",
            "multiply it by #3 unless it exceeds #1, in which case decrease it by #2 instead",
        ],
    ),
    (
        "if it is even halve it and add #, otherwise multiply it by # and add #",
        &[
            "an odd value becomes #2 times itself plus #3, an even one half of itself plus #1",
            "where two divides it, take half of it and increase that by #1; where not, scale it by #2 and increase that by #3",
        ],
    ),
    (
        "for i from # to # in turn: multiply it by # and add i",
        &[
            "let i run from #1 up to and including #2, each time replacing it by #3 times its value plus i",
            "count i upwards, #1 first and #2 last; at each i scale it by #3 and then increase it by i",
        ],
    ),
    (
        "multiply it by # and take the remainder, from # to #, after division by #",
        &[
            "take the product of it and #1 modulo #4 (a number from #2 to #3)",
            "scale it by #1, and reduce the product modulo #4, so that it lies between #2 and #3",
        ],
    ),
    (
        "take its bitwise exclusive or with #, as Python's ^ does",
        &["flip those of its bits that are set in #1 (the operator ^)", "combine it with #1 by xor, bit for bit"],
    ),
    (
        "multiply it by # and add the sum of the decimal digits that it had before",
        &[
            "take #1 times its value, increased by its digit sum (of the value before the product, in decimal, without a sign)",
            "add its digit sum in base ten to #1 times its value",
        ],
    ),
    (
        "make the list of # numbers that starts with it and in which each is # more than the last",
        &[
            "list #1 numbers: itself first, then always #2 larger than the one before",
            "make a list of length #1, an arithmetic progression from it in steps of #2",
        ],
    ),
    (
        "make the list of its multiples by # to #, each modulo #",
        &[
            "list its products with the factors #1, and so on up to #2, each reduced modulo #3",
            "for each factor from #1 to #2 inclusive take its product with it modulo #3, as a list",
        ],
    ),
    (
        "for i from # to # in turn: multiply it by #, add i and take the remainder modulo #",
        &[
            "let i run from #1 up to and including #2, each time replacing it by (#3 times its value plus i) modulo #4",
            "count i upwards, #1 first and #2 last; at each i scale it by #3, increase it by i and reduce it modulo #4",
        ],
    ),
    (
        "start a sequence with it and #, in which each further term is the sum of the two before, and take the term that follows after # additions",
        &[
            "keep a pair, at first it and #1; #2 times, replace the pair by its second member and its sum; take the second member",
            "as with Fibonacci's numbers, begin with it and #1, add neighbours #2 times, and take the last sum",
        ],
    ),
    (
        "call it v; for every i from # to # and every j from # to i - # add (v + i * j) modulo # to it",
        &[
            "with v for its value at the start, increase it by (v + i * j) modulo #5 for all pairs of i in #1 to #2 and j in #3 to i - #4",
            "increase it by the sum of (v + i * j) modulo #5 over i from #1 to #2 and, for each, j from #3 to i - #4, where v is its old value",
        ],
    ),
    (
        "let f(n) be n + # where n < #, and f(n // #) + f(n // #) elsewhere; add f of its remainder modulo # to it",
        &[
            "a function f gives n + #1 for n < #2 and f(n // #3) + f(n // #4) for other n; increase it by f(its value modulo #5)",
            "increase it by f(r), where r is its remainder modulo #5, and f(n) = n + #1 if n < #2, else f(n // #3) + f(n // #4)",
        ],
    ),
    (
        "raise it to the power # modulo #",
        &[
            "take its power with exponent #1, reduced modulo #2",
            "reduce modulo #2 the product of #1 factors that each equal it",
        ],
    ),
    (
        "for i from # to # in turn: if it and i leave the same remainder modulo # multiply it by # and add #, otherwise halve it, rounding down, and subtract i",
        &[
            "let i run from #1 to #2 inclusive: where it is congruent to i modulo #3, replace it by #4 times its value plus #5, else by its floored half minus i",
            "count i upwards, #1 first and #2 last; at each i replace it by it // 2 - i, unless it and i agree modulo #3: then by #4 times it plus #5",
        ],
    ),
    // Texts.
    ("change its letters to upper case", &["make all its letters capitals", "capitalize every letter of it"]),
    (
        "append @ to it",
        &["write @1 directly behind it", "let it end with an additional @1", "extend it by @1 on the right"],
    ),
    (
        "put @ in front of it",
        &["write @1 directly before it", "let it begin with an additional @1", "extend it by @1 on the left"],
    ),
    (
        "write it twice without a gap",
        &["double it, the copy directly behind it", "follow it by itself, with nothing in between"],
    ),
    (
        "take its first character",
        &["keep the first of its characters and drop the others", "reduce it to the character that it begins with"],
    ),
    (
        "take its last character",
        &["keep the last of its characters and drop the others", "reduce it to the character that it ends with"],
    ),
    ("take all but its first character", &["drop the character that it begins with", "remove its first character"]),
    ("reverse it", &["turn it round, last character first", "read it from right to left", "mirror it"]),
    (
        "move its first character to its end",
        &["take the character off its front and attach it behind", "rotate it to the left by a single place"],
    ),
    (
        "move its first # characters to its end",
        &[
            "take #1 characters off its front and attach them, in their order, behind",
            "rotate it to the left by #1 places",
        ],
    ),
    (
        "put @ between all neighbouring characters",
        &["separate its characters by @1", "wherever two of its characters meet, insert @1"],
    ),
    ("replace every @ by @", &["where @1 stands in it, write @2 instead", "substitute @2 for each @1 in it"]),
    (
        "remove every a, e, i, o and u",
        &["drop its vowels (a, e, i, o, u)", "keep only what is none of a, e, i, o and u"],
    ),
    (
        "sort its characters by code point",
        &[
            "bring its characters into ascending order of their code points",
            "arrange its characters so that code points never fall from left to right",
        ],
    ),
    (
        "replace each character c by chr((ord(c) - # + #) % # + #)",
        &[
            "map every character c of it to chr((ord(c) - #1 + #2) % #3 + #4)",
            "a character c of it becomes chr((ord(c) - #1 + #2) % #3 + #4), one after another",
        ],
    ),
    (
        "put the characters with an even index first and those with an odd index after them (the first index is #)",
        &[
            "counting places from #1, write the characters at even places and behind them those at odd places",
            "split it into the characters of even and of odd index, counted from #1, and write the odd part behind the even one",
        ],
    ),
    (
        "make the list of the code points of its characters, each less #",
        &[
            "list, character by character, the code point minus #1",
            "turn it into a list of numbers, one a character: the code point decreased by #1",
        ],
    ),
    ("take its length", &["count its characters", "replace it by how many characters it has"]),
    (
        "add up the code points of its characters, each less #, and multiply the sum by #",
        &[
            "take #2 times the total of its characters' code points, where each is first decreased by #1",
            "each character counts as its code point minus #1; scale the total by a factor of #2",
        ],
    ),
    (
        "follow each character by its mirror image's: the first by the last, the second by the last but one, and so on",
        &[
            "interleave it with its own reverse, beginning with its own first character",
            "behind each of its characters insert the one at the same place counted from the end",
        ],
    ),
    (
        "change the characters with an odd index to upper case (the first index is #)",
        &[
            "counting places from #1, capitalize the characters at odd places",
            "make capitals of those characters whose index, counted from #1, is odd",
        ],
    ),
    (
        "build a new text, empty at first: for each character in turn reverse what you have and put the character in front",
        &[
            "starting from an empty text, take its characters one by one, each time mirroring the text so far and writing the character before it",
            "process its characters from left to right with an empty result at first: the result becomes the character followed by the reversed result",
        ],
    ),
    (
        "replace each run of equal characters by that character followed by the length of the run",
        &[
            "encode its runs: for each maximal run of one character write the character and how long the run is",
            "write every stretch of equal neighbours as the character and then the stretch's length, also where it is one",
        ],
    ),
    (
        "start from #; for each character multiply by #, add its code point and take the remainder modulo #",
        &[
            "hash it: begin with #1, and at each character replace h by (h * #2 + code point) modulo #3",
            "fold its characters from the left into a number, at first #1: times #2, plus the code point, modulo #3",
        ],
    ),
    (
        "start with k = #; replace each character c in turn by chr((ord(c) - # + k) % # + #), after which k becomes (k + ord(c)) % #",
        &[
            "a key k is #1 at first; a character c becomes chr((ord(c) - #2 + k) % #3 + #4), and then the key becomes (k + ord(c)) % #5",
            "map its characters from left to right by c -> chr((ord(c) - #2 + k) % #3 + #4) with k = #1 at the start and k = (k + ord(c)) % #5 after each",
        ],
    ),
    // Words.
    (
        "reverse the order of the words",
        &["list the words from last to first", "turn the list of words round, each word itself unchanged"],
    ),
    (
        "append the word @ to the list of words",
        &["let @1 be one more word, the last", "extend the list by the word @1 at its end"],
    ),
    (
        "put the word @ in front of the others",
        &["let @1 be one more word, the first", "extend the list by the word @1 at its beginning"],
    ),
    (
        "join the words without a gap",
        &["write all words as one, with nothing in between", "glue the words together into a single text"],
    ),
    (
        "join the words with @",
        &[
            "write all words as one text, neighbours separated by @1",
            "make a single text of the words, with @1 wherever two meet",
        ],
    ),
    ("take the first word", &["keep nothing but the first word", "reduce the list to the word it begins with"]),
    ("take the last word", &["keep nothing but the last word", "reduce the list to the word it ends with"]),
    (
        "take the second word",
        &["keep nothing but the word after the first", "reduce the list to the second of its words"],
    ),
    (
        "move the first word to the end",
        &[
            "take the first word off and attach it behind the others",
            "rotate the list of words to the left by a single place",
        ],
    ),
    (
        "reverse each word, keeping their order",
        &["mirror every word where it stands", "turn round the characters of every single word"],
    ),
    (
        "append to each word its length",
        &[
            "write behind each word, without a gap, how many characters it has",
            "let every word be followed directly by its number of characters",
        ],
    ),
    (
        "sort the words by their last character, and words with the same one by code points",
        &[
            "order the words by the character that they end with; those that end alike stand in the order of their code points",
            "arrange the words so that their final characters ascend, with ties broken by comparing the whole words",
        ],
    ),
    (
        "join the first two characters of each word without a gap",
        &[
            "take two characters off the front of every word and glue these together",
            "make a single text of every word's first two characters",
        ],
    ),
    (
        "make the list that holds, for each word, the sum of its characters' code points, each less #",
        &[
            "replace every word by a number: the total of its code points, each decreased by #1 first",
            "list the words' totals, where a character counts as its code point minus #1",
        ],
    ),
    // Lists of numbers.
    ("reverse the list", &["list the numbers from last to first", "turn the list round"]),
    (
        "sort the list in ascending order",
        &["arrange the numbers so that they never fall", "order the numbers from small to large"],
    ),
    ("append # to the list", &["let #1 be one more number, the last", "extend the list by #1 at its end"]),
    ("put # in front of the list", &["let #1 be one more number, the first", "extend the list by #1 at its beginning"]),
    (
        "take the largest number",
        &["keep nothing but the maximum", "reduce the list to the number that no other exceeds"],
    ),
    (
        "take the smallest number",
        &["keep nothing but the minimum", "reduce the list to the number that exceeds no other"],
    ),
    ("take the last number", &["keep nothing but the final number", "reduce the list to the number it ends with"]),
    (
        "take the second number",
        &["keep nothing but the number after the first", "reduce the list to the second of its numbers"],
    ),
    ("add them all up", &["take their total", "replace the list by the sum of its numbers"]),
    (
        "multiply each number by # and add #",
        &[
            "replace every number by #2 more than #1 times itself",
            "scale all numbers by #1, and increase each product by #2",
        ],
    ),
    (
        "move the first number to the end",
        &["take the first number off and attach it behind the others", "rotate the list to the left by a single place"],
    ),
    (
        "move the first # numbers to the end",
        &[
            "take #1 numbers off the front and attach them, in their order, behind",
            "rotate the list to the left by #1 places",
        ],
    ),
    (
        "write the numbers in decimal, joined with @",
        &[
            "make a single text of the numbers in decimal, with @1 wherever two meet",
            "write the decimal forms as one text, neighbours separated by @1",
        ],
    ),
    ("keep the even numbers only", &["drop the odd numbers", "remove every number that two does not divide"]),
    ("keep the odd numbers only", &["drop the even numbers", "remove every number that two divides"]),
    (
        "replace each number by the sum of all numbers up to and with it",
        &["make the list of partial sums", "list the running totals"],
    ),
    (
        "make the list of differences: each number but the first, less the one before it",
        &[
            "list how much each number exceeds the one to its left, beginning with the second",
            "replace the list by its neighbours' differences, right minus left",
        ],
    ),
    (
        "multiply each number by its index (the first index is #) and add up the products",
        &[
            "take the sum of all numbers, each weighted by its place, counted from #1",
            "counting places from #1, total the products of place and number",
        ],
    ),
    (
        "multiply the difference of the largest and the smallest number by # and add the length of the list",
        &[
            "take #1 times the range (maximum minus minimum), plus how many numbers there are",
            "count the numbers, and increase that by #1 times what the maximum exceeds the minimum by",
        ],
    ),
    (
        "count the numbers greater than #",
        &["find how many of them exceed #1", "replace the list by how many numbers lie above #1"],
    ),
    (
        "join the characters chr(# + v % #) of all numbers v",
        &[
            "make a text with a character for each number v, namely chr(#1 + v % #2)",
            "turn every number v into chr(#1 + v % #2), and the list into one text",
        ],
    ),
    (
        "go through the list once from the left and swap each pair of neighbours in which the left one is larger",
        &[
            "make one pass of bubble sort, left to right, into ascending order",
            "visit the places from left to right a single time, and wherever a number exceeds the one to its right at that moment, exchange the two",
        ],
    ),
    (
        "build a new list: for each number, if the new list is not empty and its last number plus this one is less than #, add this one to that last number, otherwise append it",
        &[
            "merge from left to right: a number is added onto the last number of the result while that sum stays below #1, else it becomes a new last number",
            "pack the numbers in their order into groups, a new one wherever the group's total would reach #1, and list the groups' totals",
        ],
    ),
    (
        "start from #; for each number multiply by #, add the number and take the remainder modulo #",
        &[
            "hash the list: begin with #1, and at each number replace h by (h * #2 + number) modulo #3",
            "fold the numbers from the left into one, at first #1: times #2, plus the number, modulo #3",
        ],
    ),
    (
        "multiply each number by the one at the mirrored place (the first by the last and so on), modulo #",
        &[
            "replace each number by its product with the one as far from the other end, reduced modulo #1",
            "multiply the list place by place with its own reverse, each product modulo #1",
        ],
    ),
    (
        "do this # times: take the first number off the list, multiply it by #, add the number that is first now, and append the result modulo #",
        &[
            "#1 times over: remove the front number h, and attach (h * #2 + the new front number) modulo #3 at the end",
            "repeat #1 times: the list loses its front h and gains at its end (#2 times h plus what stands in front then) modulo #3",
        ],
    ),
    (
        "for each number find the length of the longest strictly increasing subsequence that ends with it, multiply the number by that length, and add up the products",
        &[
            "total the numbers, each weighted by the length of the longest strictly increasing subsequence whose last member it is",
            "weigh each number by how long a strictly rising subsequence (not necessarily of neighbours) can be that stops at it, and take the sum",
        ],
    ),
];
