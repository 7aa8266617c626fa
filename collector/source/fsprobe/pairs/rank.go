package pairs

import "math"

// coverage is how often bounds must hold the true median, at least.
const coverage = 0.95

// lowerRank returns k such that the k-th smallest and the k-th largest of n
// samples hold the true median with a probability of at least coverage, and as
// close together as that allows. It is 0 where no two do: below 6 samples.
//
// Each sample lies below the true median with a probability of one half, so that
// the number of those that do is binomial, whatever the distribution is. The
// bounds miss when fewer than k lie on one side.
func lowerRank(n int) int {
	miss := 0.0 // on both sides
	for k := 0; 2*k < n; k++ {
		miss += 2 * binomialHalf(n, k)
		if miss > 1-coverage {
			return k
		}
	}
	return 0 // n is 0
}

// binomialHalf returns the probability of k heads in n throws.
func binomialHalf(n, k int) float64 {
	return math.Exp(logFactorial(n) - logFactorial(k) - logFactorial(n-k) - float64(n)*math.Ln2)
}

func logFactorial(n int) float64 {
	l, _ := math.Lgamma(float64(n) + 1)
	return l
}
