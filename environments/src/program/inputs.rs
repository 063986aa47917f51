//! The words that programs are fed with.

/// Common short words, one token each in most vocabularies.
pub(super) const INPUTS: &[&str] = &[
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
