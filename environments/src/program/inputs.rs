//! Lines of input for programs.

use super::ValueKind;
use crate::seed::Draws;

/// Draws a line of input; higher tiers get larger numbers and longer lists and texts.
pub(crate) fn draw_input(draws: &mut Draws, kind: ValueKind, tier: u8) -> String {
    let join = |values: Vec<String>| values.join(" ");
    match kind {
        // Two digits at tier 0, since the smallest models compute no further.
        ValueKind::Number => {
            let (low, high) = [(10, 69), (2, 99), (10, 999), (100, 9_999), (1_000, 99_999)][usize::from(tier.min(4))];
            draws.between(low, high).to_string()
        }
        ValueKind::Text if tier >= 3 => {
            let length = draws.between(6, 7 + i64::from(tier));
            (0..length).map(|_| char::from(*draws.choose(b"abcdefghijklmnopqrstuvwxyz"))).collect()
        }
        ValueKind::Text if tier == 2 => format!("{}{}", draws.choose(WORDS), draws.choose(WORDS)),
        ValueKind::Text => (*draws.choose(WORDS)).to_owned(),
        ValueKind::Numbers => {
            let (count, high) = [(3, 99), (4, 50), (5, 60), (6, 99), (8, 99)][usize::from(tier.min(4))];
            join((0..count).map(|_| draws.between(1, high).to_string()).collect())
        }
        ValueKind::Words => {
            let count = [2, 3, 3, 4, 5][usize::from(tier.min(4))];
            join((0..count).map(|_| (*draws.choose(WORDS)).to_owned()).collect())
        }
    }
}

/// Common short words, one token each in most vocabularies.
pub(super) const WORDS: &[&str] = &[
    "apple", "arm", "baby", "bag", "ball", "bank", "bear", "bell", "bird", "blue", "boat", "bone", "book", "box",
    "boy", "brain", "bread", "brick", "bridge", "bus", "cake", "camp", "car", "card", "cat", "chair", "city", "clock",
    "cloud", "coat", "corn", "cow", "cup", "dance", "desk", "dog", "door", "dream", "dress", "drum", "duck", "eagle",
    "ear", "earth", "egg", "eye", "farm", "field", "film", "fire", "fish", "flag", "floor", "flower", "foot", "fork",
    "fox", "frog", "fruit", "game", "garden", "gate", "girl", "glass", "gold", "grape", "grass", "green", "hair",
    "hand", "hat", "head", "hill", "home", "horse", "house", "ice", "island", "jacket", "juice", "jump", "key", "king",
    "kitchen", "knife", "lake", "lamp", "leaf", "leg", "lemon", "light", "lion", "map", "market", "milk", "money",
    "moon", "mouse", "mouth", "music", "nail", "nest", "night", "nose", "ocean", "orange", "oven", "page", "paper",
    "park", "pen", "piano", "pig", "plane", "plant", "queen", "rain", "red", "ring", "river", "road", "rock", "roof",
    "room", "rope", "rose", "salt", "sand", "school", "sea", "seed", "ship", "shoe", "silver", "sky", "snow", "soap",
    "sock", "song", "spoon", "star", "stone", "storm", "street", "sugar", "sun", "table", "tail", "tea", "tiger",
    "train", "tree", "truck", "uncle", "voice", "wall", "water", "wheel", "wind", "window", "winter", "wolf", "wood",
    "yard", "zebra",
];
