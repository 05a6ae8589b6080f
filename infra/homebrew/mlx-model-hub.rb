# scripts/release writes a copy with the archive's address and SHA-256 to dist/.
class MlxModelHub < Formula
  desc "Register, fine-tune, watch, promote and serve language models on MLX"
  homepage "https://example.invalid/mlx-model-hub"
  url "https://example.invalid/mlx_model_hub-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "Apache-2.0"

  depends_on "boost" => :build
  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "googletest" => :build
  depends_on "ninja" => :build
  depends_on "nlohmann-json" => :build
  depends_on "pkgconf" => :build
  depends_on "rust" => :build
  depends_on "uv" => :build
  depends_on "curl"
  depends_on "fmt"
  depends_on "libarchive"
  depends_on "openssl@3"
  depends_on "python@3.13"
  depends_on "spdlog"
  depends_on "sqlite"
  depends_on "sqlitecpp"
  depends_on "tomlplusplus"
  depends_on "yaml-cpp"

  uses_from_macos "zlib"

  on_macos do
    depends_on arch: :arm64
    depends_on macos: :sonoma
  end

  on_linux do
    depends_on "openblas"
  end

  def install
    python = Formula["python@3.13"].opt_bin/"python3.13"
    locked = ["sync", "--locked", "--no-default-groups", "--python", python]
    locked += ["--group", "cpu"] if OS.linux?

    # The hub's MLX is of exactly one version, with which its programs were tested: it comes from uv.lock, not from Homebrew.
    ENV["UV_LINK_MODE"] = "copy"
    with_env(UV_PROJECT_ENVIRONMENT: libexec.to_s) do
      system "uv", *locked
    end
    # What makes the default model's folder is needed now only.
    system "uv", *locked, "--group", "model"

    system "cmake", "-S", ".", "-B", "build/brew", "-G", "Ninja",
           "-DHUB_PYTHON_ENV=#{buildpath}/.venv", *std_cmake_args(install_prefix: libexec)
    system "cmake", "--build", "build/brew", "--target", "mlx-hub", "mlx-hub-worker"
    system "cmake", "--install", "build/brew", "--component", "programs"
    system buildpath/".venv/bin/python", "scripts/prepare_model.py",
           "--output", libexec/"share/mlx-hub/models/smollm2-135m-instruct"
    # The hub remembers the model's folder: the path that stays through upgrades.
    model = opt_libexec/"share/mlx-hub/models/smollm2-135m-instruct"
    (bin/"mlx-hub").write_env_script libexec/"bin/mlx-hub", MLX_HUB_MODELS: "${MLX_HUB_MODELS:-#{model}}"
  end

  service do
    run [opt_bin/"mlx-hub", "serve"]
    keep_alive successful_exit: false
    log_path var/"log/mlx-hub.log"
    error_log_path var/"log/mlx-hub.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/mlx-hub version")

    port = free_port
    pid = spawn bin/"mlx-hub", "serve", "--port", port.to_s, "--data-dir", testpath/"data"
    begin
      answer = shell_output("curl -fsS --retry 30 --retry-connrefused --retry-delay 1 http://127.0.0.1:#{port}/readyz")
      assert_match "ok", answer
      question = '{"model":"smollm2-135m-instruct","max_tokens":16,"temperature":0,' \
                 '"messages":[{"role":"user","content":"What is the capital of France?"}]}'
      said = shell_output("curl -fsS -H 'Content-Type: application/json' -d '#{question}' " \
                          "http://127.0.0.1:#{port}/v1/chat/completions")
      assert_match "Paris", said
    ensure
      Process.kill("TERM", pid)
      Process.wait(pid)
    end
  end
end
