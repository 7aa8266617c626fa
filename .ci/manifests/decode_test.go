package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const (
	top = "../.." // of the repository
	dir = top + "/deploy/kubernetes"
)

// decode reads all objects of a text. Fields that the API does not have, and those that
// are there twice, are errors.
func decode(text []byte) ([]runtime.Object, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme, monitoring.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var all []runtime.Object
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("object %d: %w", len(all)+1, err)
		}
		all = append(all, object)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// objects reads the objects of a kind that a file below dir has.
func objects[T runtime.Object](t *testing.T, file string) []T {
	t.Helper()
	all, err := decode(read(t, filepath.Join(dir, file)))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var found []T
	for _, object := range all {
		if o, ok := object.(T); ok {
			found = append(found, o)
		}
	}
	return found
}

// only returns the one object of a kind that a file has.
func only[T runtime.Object](t *testing.T, file string) T {
	t.Helper()
	found := objects[T](t, file)
	if len(found) != 1 {
		t.Fatalf("%s has %d objects of type %T", file, len(found), *new(T))
	}
	return found[0]
}

func TestManifestsAreOfTheAPI(t *testing.T) {
	err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(file) != ".yaml" {
			return err
		}
		all, err := decode(read(t, file))
		if err != nil || len(all) == 0 {
			t.Errorf("%s: %d objects, %v", file, len(all), err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What decode lets pass would be found by nobody.
func TestDecodeRefuses(t *testing.T) {
	right := string(read(t, filepath.Join(dir, "daemonset.yaml")))
	for name, change := range map[string][2]string{
		"a field that is not there":  {"hostPID: true", "hostPid: true"},
		"a field of another object":  {"hostPID: true", "clusterIP: None"},
		"a field that is twice":      {"hostPID: true", "hostPID: true\n      hostPID: true"},
		"a value of another type":    {"hostPID: true", "hostPID: yes please"},
		"a field of another version": {"apiVersion: apps/v1", "apiVersion: apps/v1beta1"},
	} {
		wrong := strings.Replace(right, change[0], change[1], 1)
		if wrong == right {
			t.Errorf("%s: the manifest has no %q", name, change[0])
		}
		if _, err := decode([]byte(wrong)); err == nil {
			t.Errorf("%s is let pass", name)
		}
	}
}
